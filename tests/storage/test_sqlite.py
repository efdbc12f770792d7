"""What can happen to a file: a full disk, a lock, another process."""

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.storage.samples import LOCAL, begin, commit_of, message, no_job, record
from tests.warm import python
from weft.errors import Conflict, Fenced, StoreError, StoreFull, StoreLocked, UsageError
from weft.storage import Store, open_store, writer
from weft.storage.base import RunRecord
from weft.storage.run_queries import ADD_RUNNING

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weft.db"


async def test_a_full_database_says_so_and_works_again(path: Path) -> None:
    store = await open_store(f"sqlite:///{path}")
    run = await begin(store)
    await store.commit(commit_of(run, 1))

    def limit(pages: int) -> Any:
        writer = store._database._writer  # pyright: ignore
        return writer.submit(lambda connection: connection.execute(f"PRAGMA max_page_count={pages}").fetchall())

    await limit(1)  # as few as there are now
    big = commit_of(run, 2, messages=[message(1, body=os.urandom(100_000))])
    behind = commit_of(run, 3)
    outcomes = await asyncio.gather(store.commit(big), store.commit(behind), return_exceptions=True)
    assert isinstance(outcomes[0], StoreFull)
    assert isinstance(outcomes[1], StoreFull | Conflict)
    assert (await store.runs.get(LOCAL, run.id)).seq == 1
    with pytest.raises(StoreFull):
        await store.blobs.put(LOCAL, b"x" * 100_000, "text/plain")
    await limit(10**6)
    await store.commit(big)
    await store.commit(behind)
    assert (await store.runs.get(LOCAL, run.id)).seq == 3
    await store.close()


FULL_DISK = """
import asyncio, os, resource, signal, sys
from tests.storage.samples import LOCAL, begin, commit_of, message
from weft.errors import StoreFull
from weft.storage import open_store

async def main(url):
    store = await open_store(url)
    run = await begin(store)
    soft = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, soft))
    seq = 0
    try:
        while True:
            await store.commit(commit_of(run, seq + 1, messages=[message(seq + 1, body=os.urandom(20_000))]))
            seq += 1
    except StoreFull:
        pass
    assert 2 < seq < 40, seq
    assert (await store.runs.get(LOCAL, run.id)).seq == seq
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, soft))
    for more in range(seq + 1, seq + 11):
        await store.commit(commit_of(run, more, messages=[message(more)]))
    rows = await store.threads.messages(LOCAL, run.thread_id, limit=100)
    assert [row.seq for row in rows] == list(range(1, seq + 11))
    await store.close()

asyncio.run(main(sys.argv[1]))
"""


def test_a_disk_that_takes_no_more_says_so_and_works_again(path: Path) -> None:
    """The limit of a file's size fails a write in the midst, as a full disk does."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", FULL_DISK, f"sqlite:///{path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


async def test_a_lock_that_is_held_too_long_says_so_and_nothing_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 100)
    store = await open_store(f"sqlite:///{path}")
    run = await begin(store)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked):
        await store.commit(commit_of(run, 1))
    with pytest.raises(StoreLocked):
        await store.runs.create(record(), no_job)
    assert (await store.runs.get(LOCAL, run.id)).seq == 0
    held = store.commit(commit_of(run, 1))
    holder.execute("ROLLBACK")
    await held
    assert (await store.runs.get(LOCAL, run.id)).seq == 1
    holder.close()
    await store.close()


async def test_it_waits_for_a_short_lock(path: Path) -> None:
    store = await open_store(f"sqlite:///{path}?synchronous=NORMAL")
    run = await begin(store)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(store.commit(commit_of(run, 1)))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    holder.execute("ROLLBACK")
    await waiting
    holder.close()
    await store.close()


@pytest.fixture
async def alone(path: Path) -> AsyncIterator[tuple[Store, RunRecord]]:
    """A store whose loop writes, and a run that has just committed with nobody beside it."""
    store = await open_store(f"sqlite:///{path}?synchronous=NORMAL")
    run = await begin(store)
    await store.commit(commit_of(run, 1))
    yield store, run
    await store.close()


async def test_a_run_that_commits_alone_is_written_at_once_but_not_before_others_in_line(
    alone: tuple[Store, RunRecord],
) -> None:
    store, run = alone
    other = await begin(store)
    await store.commit(commit_of(run, 2))
    assert store.commit(commit_of(run, 3)).done()
    first = store.commit(commit_of(other, 1))
    behind = store.commit(commit_of(run, 4))
    assert not first.done()
    assert not behind.done()
    await behind
    assert first.done()
    assert not store.commit(commit_of(run, 5)).done(), "it is not alone any more"


async def test_a_run_that_commits_alone_gives_others_their_turn(alone: tuple[Store, RunRecord]) -> None:
    store, run = alone
    at_once = [store.commit(commit_of(run, seq)).done() for seq in range(2, 3 + writer.STREAK)]
    assert at_once == [True] * writer.STREAK + [False]


async def test_a_run_that_commits_alone_is_fenced_by_another_process(
    alone: tuple[Store, RunRecord], path: Path
) -> None:
    store, run = alone
    assert store.commit(commit_of(run, 2)).done()
    elsewhere = await open_store(f"sqlite:///{path}?synchronous=NORMAL")
    assert await elsewhere.runs.requeue(run.id, run.fence, no_job)
    await elsewhere.close()
    with pytest.raises(Fenced):
        await store.commit(commit_of(run, 3))
    assert (await store.runs.get(LOCAL, run.id)).seq == 2


async def test_a_run_that_commits_alone_waits_for_a_lock_elsewhere(alone: tuple[Store, RunRecord], path: Path) -> None:
    store, run = alone
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waiting = [store.commit(commit_of(run, seq)) for seq in (2, 3)]
    await asyncio.sleep(0.1)
    assert not waiting[0].done()
    holder.execute("ROLLBACK")
    holder.close()
    await asyncio.gather(*waiting)
    assert (await store.runs.get(LOCAL, run.id)).seq == 3


async def test_a_commit_is_told_of_after_those_that_were_written_before(
    alone: tuple[Store, RunRecord], path: Path
) -> None:
    """Also where the thread wrote the one before, and the loop has not heard of it yet."""
    store, run = alone
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    told: list[int] = []

    def commit(seq: int) -> Any:
        future = store.commit(commit_of(run, seq))
        future.add_done_callback(lambda _: told.append(seq))
        return future

    first = commit(2)  # finds the lock taken: the thread will write it
    before = holder.execute("PRAGMA data_version").fetchone()
    holder.execute("ROLLBACK")
    while holder.execute("PRAGMA data_version").fetchone() == before:
        time.sleep(0.01)  # noqa: ASYNC251 — the loop stands still until it is written
    time.sleep(0.05)  # noqa: ASYNC251
    second = commit(3)
    holder.close()
    assert not first.done()
    await asyncio.gather(first, second)
    assert told == [2, 3]
    assert store.commit(commit_of(run, 4)).done(), "nothing is waited for any more"


WRITER = """
import asyncio, sys
from tests.storage.samples import begin, commit_of
from weft.storage import open_store

async def main(url):
    store = await open_store(url)
    runs = [await begin(store) for _ in range(5)]
    for seq in range(1, 41):
        await asyncio.gather(*(store.commit(commit_of(run, seq)) for run in runs))
    await store.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.usefixtures("warm")
@pytest.mark.filterwarnings("ignore:another process has")
async def test_two_processes_write_one_file(path: Path) -> None:
    """They even make its tables at the same moment."""
    url = f"sqlite:///{path}?synchronous=NORMAL"
    command = python("-c", WRITER, url)
    children = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for child in children:
        _, errors = await asyncio.to_thread(child.communicate, timeout=60)
        assert child.returncode == 0, errors
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*), count(DISTINCT key >> 32) FROM events").fetchone() == (400, 10)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.skipif(sqlite3.sqlite_version_info >= (3, 51, 3), reason="this SQLite may share a file")
@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the system does not tell who holds a lock")
async def test_it_warns_where_another_process_has_the_file_open(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await (await open_store(f"sqlite:///{path}")).close()
        ours = [await open_store(f"sqlite:///{path}") for _ in range(2)]
        for store in ours:
            await store.close()
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM runs'); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.warns(RuntimeWarning, match="another process has"):
            store = await open_store(f"sqlite:///{path}")
        await store.close()
        child.communicate("\n")


@pytest.mark.parametrize(
    "url", ["sqlite://host/x.db", "sqlite:///x.db?mode=ro", "sqlite:///x.db?synchronous=MAYBE", "mysql://x", "x.db"]
)
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        await open_store(url)


async def test_a_folder_that_is_missing_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        await open_store(f"sqlite:///{tmp_path}/missing/weft.db")


async def test_a_file_that_is_no_database_is_an_error_of_ours(path: Path) -> None:
    path.write_text("nothing of the kind" * 100)
    with pytest.raises(StoreError):
        await open_store(f"sqlite:///{path}")


async def test_a_thread_of_500_turns_stays_small(path: Path) -> None:
    from tests.storage.turns import turns  # noqa: PLC0415

    store = await open_store(f"sqlite:///{path}?synchronous=NORMAL")
    content = await turns(store, 500)
    await store.close()
    size = path.stat().st_size
    print(f"500 turns: {size} bytes, of which {content} are content")
    assert size < 2.3 * content


async def test_a_new_run_does_not_look_through_all_runs_of_its_thread(path: Path) -> None:
    await (await open_store(f"sqlite:///{path}")).close()
    with closing(sqlite3.connect(path)) as connection:
        query = f"EXPLAIN QUERY PLAN {ADD_RUNNING.sql('sqlite')}"
        plan = [str(row[3]) for row in connection.execute(query, [None] * query.count("?"))]
    used = {line.split(" INDEX ")[1].split()[0] for line in plan if " INDEX runs_" in line}
    assert used == {"runs_lease", "runs_line", "runs_paused"}, plan


async def test_a_new_file_is_opened_by_many_at_once(path: Path) -> None:
    stores = await asyncio.gather(*[open_store(f"sqlite:///{path}") for _ in range(8)])
    for store in stores:
        await store.close()


async def test_the_log_is_emptied_though_others_bring_it_into_the_database_meanwhile(tmp_path: Path) -> None:
    store, log = await open_store(f"sqlite:///{tmp_path}/weft.db?synchronous=NORMAL"), tmp_path / "weft.db-wal"
    done = threading.Event()

    def checkpoint() -> None:
        with closing(sqlite3.connect(tmp_path / "weft.db")) as other:
            while not done.is_set():
                other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    others = [threading.Thread(target=checkpoint) for _ in range(3)]
    for other in others:
        other.start()
    try:
        for number in range(5):
            await store.workers.beat(f"worker {number}")
            await store.history.compact()
            assert log.stat().st_size == 0
    finally:
        done.set()
        for other in others:
            other.join()
        await store.close()
