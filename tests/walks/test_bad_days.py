"""Bad days of a running app: its disk is full, its database is locked, too new, restarted or away.

Each time the caller gets an error that says what to do, nothing is half written, and once the cause is gone the same
thread goes on in the same process; no run stays "running" for ever.
"""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.given import given
from tests.services import PostgresServer, postgres
from tests.warm import python
from weft import Agent, App
from weft.errors import SchemaMismatch, StoreError, StoreFull, StoreLocked
from weft.events import Envelope, RunFailed
from weft.models.base import Request
from weft.models.scripted import Line, Scripted, call
from weft.storage import postgres as postgres_store
from weft.storage import writer
from weft.storage.base import RESTING, Page, RunRecord, Scope
from weft.storage.postgres_url import PostgresUrl

ME = Scope("default", "local")
BIG = "x" * 50_000
"""More than any page that is free already can hold."""


class Trouble(Protocol):
    """Something that keeps a database from being written, for a while."""

    error: type[StoreError]
    words: str
    path: Path

    def begin(self) -> None: ...

    def end(self) -> None: ...


class FullDisk:
    """A file system of three megabytes, and a file that takes all that is left of it."""

    error, words = StoreFull, "disk is full"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "weft.db"

    def begin(self) -> None:
        with open(self.folder / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                return

    def end(self) -> None:
        (self.folder / "filler").unlink(missing_ok=True)


class Lock:
    """Another process that holds the database."""

    error, words = StoreLocked, "another process holds the database"
    _HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "weft.db"
        self._holder: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        command = [sys.executable, "-c", self._HOLD, str(self.path)]
        self._holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"held\n"

    def end(self) -> None:
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.communicate()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.getuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may make a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(params=["full disk", "locked"])
def trouble(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trouble]:
    monkeypatch.setattr(writer, "PATIENCE", 200)
    made = FullDisk(request.getfixturevalue("small_disk")) if request.param == "full disk" else Lock(tmp_path)
    yield made
    made.end()


@pytest.fixture(params=["FULL", "NORMAL"])
def url(request: pytest.FixtureRequest, trouble: Trouble) -> str:
    return f"sqlite:///{trouble.path}?synchronous={request.param}"


def answer(request: Request) -> Line:
    """Calls the tools that the last words name; then says so."""
    last = request.messages[-1]
    if last.role == "user" and (names := [tool.name for tool in request.tools if tool.name in last.text]):
        return [call(name) for name in names]
    return f"done: {last.text}"


@pytest.fixture
async def app(url: str, trouble: Trouble) -> AsyncIterator[App]:
    hurts = [True]

    async def hurt() -> str:
        """The trouble begins, when it is called for the first time."""
        if hurts:
            hurts.clear()
            await asyncio.to_thread(trouble.begin)
        return BIG

    async def beside() -> str:
        """Something else."""
        await asyncio.sleep(0.01)
        return BIG

    agent = Agent("a", model=Scripted([answer], order="repeat"), tools=[hurt, beside])
    async with App(agents=[agent], store=url, lease=4.0) as opened:
        yield opened


async def runs_of(app: App) -> list[RunRecord]:
    return list(await app.store.runs.list(ME, Page(limit=1000, newest=False)))


async def assert_whole(app: App, thread: str = "t1") -> None:
    """The thread and each of its runs are on record without a gap."""
    seqs = [row.seq for row, _ in await app.messages(ME, thread, limit=1000)]
    assert seqs == list(range(1, len(seqs) + 1))
    for run in await runs_of(app):
        numbers = [envelope.seq for envelope in await app.events(ME, run.id)]
        assert numbers == list(range(1, run.seq + 1))


async def goes_on(app: App, trouble: Trouble) -> list[RunRecord]:
    """The cause is gone: the thread goes on in this process, all runs have come to rest, and the file is sound."""
    trouble.end()
    async with asyncio.timeout(15):
        assert (await app.run("a", "and now?", thread="t1")).output == "done: and now?"
        while any(run.status not in RESTING for run in await runs_of(app)):  # noqa: ASYNC110  # the store tells
            await asyncio.sleep(0.05)
    await assert_whole(app)
    connection = sqlite3.connect(trouble.path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return await runs_of(app)


async def test_before_a_run(app: App, trouble: Trouble) -> None:
    await app.run("a", "first", thread="t1")
    before = await app.messages(ME, "t1")
    await asyncio.to_thread(trouble.begin)
    with pytest.raises(trouble.error, match=trouble.words):
        await app.run("a", BIG, thread="t1")
    assert await app.messages(ME, "t1") == before
    runs = await goes_on(app, trouble)
    assert {run.status for run in (runs[0], runs[-1])} == {"finished"}
    assert [row.seq for row, _ in await app.messages(ME, "t1")] == [1, 2, 3, 4]


@pytest.mark.parametrize("words", ["hurt", "hurt and beside"])
async def test_in_the_midst_of_a_run(app: App, trouble: Trouble, words: str) -> None:
    await app.run("a", "first", thread="t1")
    with pytest.raises(trouble.error, match=trouble.words):
        await app.run("a", words, thread="t1")
    roles = [message.role for _, message in await app.messages(ME, "t1")]
    assert roles == ["user", "assistant", "user", "assistant"], "what was on record stays, and no half step is added"
    first, failed, last = await goes_on(app, trouble)
    assert (first.status, failed.status, last.status) == ("finished", "failed", "finished")
    assert failed.error is not None
    assert failed.error.startswith(trouble.error.code)
    event = (await app.events(ME, failed.id))[-1].event
    assert isinstance(event, RunFailed)
    assert trouble.words in event.message


async def test_a_stream_ends_while_the_trouble_lasts(app: App, trouble: Trouble) -> None:
    seen: list[Envelope] = []

    async def read() -> None:
        async for envelope in app.stream("a", "hurt", thread="t1"):
            seen.append(envelope)

    async with asyncio.timeout(15):
        with pytest.raises(trouble.error, match=trouble.words):
            await read()
    assert seen
    failed, _ = await goes_on(app, trouble)
    assert failed.status == "failed"


async def test_a_run_from_the_queue_comes_to_rest_and_those_behind_it_run(app: App, trouble: Trouble) -> None:
    await app.start()
    hurt = await app.submit("a", "hurt", scope=ME, thread="t1")
    behind = await app.submit("a", "behind", scope=ME, thread="t1")
    await asyncio.sleep(3)
    assert (await app.store.runs.get(ME, hurt.id)).status == "running", "the store takes nothing"
    trouble.end()
    assert (await app.wait(ME, hurt.id, 15)).status in ("failed", "finished")
    assert (await app.wait(ME, behind.id, 15)).status == "finished"
    await goes_on(app, trouble)


async def test_a_start_that_fails_may_be_tried_again(app: App, trouble: Lock | FullDisk) -> None:
    if isinstance(trouble, FullDisk):
        pytest.skip("a full disk has room for a sign of life")
    record = await app.submit("a", "go", scope=ME, thread="t1")
    await asyncio.to_thread(trouble.begin)
    with pytest.raises(trouble.error, match=trouble.words):
        await app.start()
    trouble.end()
    await app.start()
    assert (await app.wait(ME, record.id, 15)).status == "finished"


async def test_closing_in_trouble_leaves_the_run_to_the_next_process(app: App, trouble: Trouble, url: str) -> None:
    with pytest.raises(trouble.error):
        await app.run("a", "hurt", thread="t1")
    await app.close()
    trouble.end()
    async with App(agents=[app.find("a")], store=url, lease=4.0) as after, asyncio.timeout(15):
        assert (await after.run("a", "and now?", thread="t1")).output == "done: and now?"
        assert all(run.status in RESTING for run in await runs_of(after))
        await assert_whole(after)


async def spoil(url: str, revision: str) -> str:
    """Put another revision into a database; the one that it had."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///").partition("?")[0])
        had = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
        connection.close()
        return str(had)
    other = await PostgresUrl(url).connect()
    had = await other.fetchval("SELECT version_num FROM alembic_version")
    await other.execute("UPDATE alembic_version SET version_num = $1", revision)
    await other.close()
    return str(had)


@pytest.mark.usefixtures("warm")
async def test_a_database_that_is_too_new(shared_url: str) -> None:
    agent = Agent("a", model=Scripted(["fine"], order="repeat"))
    async with App(agents=[agent], store=shared_url) as app:
        await app.run(agent, "first", thread="t1")
    had = await spoil(shared_url, "9999")
    app = App(agents=[agent], store=shared_url)
    for _ in range(2):
        with pytest.raises(SchemaMismatch, match="newer"):
            await app.run(agent, "second", thread="t1")
    command = python("-m", "weft", "threads", "list", "--store", shared_url)
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "newer" in done.stderr
    assert "Traceback" not in done.stderr
    assert await spoil(shared_url, had) == "9999", "nobody has touched it"
    async with app:
        assert (await app.run(agent, "third", thread="t1")).output == "fine"
        assert [run.status for run in await runs_of(app)] == ["finished", "finished"]
        await assert_whole(app)


def slow_agent(seconds: float) -> Agent[Any]:
    async def wait() -> str:
        """Wait a moment."""
        await asyncio.sleep(seconds)
        return "waited"

    lines: list[Line] = [call("wait"), [call("wait"), call("wait")], "done"]
    return Agent("a", model=Scripted(lines, order="turn"), tools=[wait])


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that may be stopped."""
    yield from given(postgres())


@pytest.fixture
def own_url(own_server: PostgresServer, request: pytest.FixtureRequest) -> str:
    return f"{own_server.url}?schema=test_{abs(hash(request.node.name))}"


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_postgres_is_restarted_under_a_running_app(own_server: PostgresServer, own_url: str, mode: str) -> None:
    """Runs that are under way wait and end well: those of callers, those of the queue, and one that is watched."""
    agent = slow_agent(0.5)
    async with App(agents=[agent], store=own_url) as app:
        await app.start()
        watched = await app.submit("a", "watched", scope=ME, thread="watched")
        queued = [await app.submit("a", f"{n}", scope=ME, thread=f"queue {n % 5}") for n in range(10)]
        called = [asyncio.create_task(app.run(agent, f"{n}", thread=f"call {n}")) for n in range(10)]
        seen: list[Envelope] = []

        async def watch() -> None:
            async for happening in app.watch(ME, watched.id):
                if isinstance(happening, Envelope) and happening.durable:
                    seen.append(happening)

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0.7)
        await asyncio.to_thread(own_server.stop, mode)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(own_server.start)
        async with asyncio.timeout(60):
            assert [result.output for result in await asyncio.gather(*called)] == ["done"] * 10
            ended = await asyncio.gather(*[app.wait(ME, record.id) for record in [watched, *queued]])
            await watching
        assert Counter(run.status for run in ended) == {"finished": 11}
        assert [envelope.seq for envelope in seen] == list(range(1, ended[0].seq + 1))
        for thread in ("watched", "queue 0", "call 0"):
            await assert_whole(app, thread)


async def test_postgres_is_away_for_too_long(
    own_server: PostgresServer, own_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told, and once it is back the same thread goes on in the same process."""
    agent = slow_agent(0.3)
    monkeypatch.setattr(postgres_store.persist, "__kwdefaults__", {"patience": 1.0})
    async with App(agents=[agent], store=own_url, lease=4.0) as app:
        await app.start()
        await app.run(agent, "first", thread="t1")
        queued = await app.submit("a", "queued", scope=ME, thread="t2")
        behind = await app.submit("a", "behind", scope=ME, thread="t2")
        called = asyncio.create_task(app.run(agent, "called", thread="t1"))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(own_server.stop)
        try:
            with pytest.raises(StoreError, match="cannot be reached"):
                await called
            with pytest.raises(StoreError, match="cannot be reached"):
                await app.run(agent, "while it is away", thread="t1")
            await asyncio.sleep(6)
        finally:
            await asyncio.to_thread(own_server.start)
        async with asyncio.timeout(30):
            assert (await app.run(agent, "and now?", thread="t1")).output == "done"
            assert (await app.wait(ME, queued.id)).status in ("failed", "finished")
            assert (await app.wait(ME, behind.id)).status == "finished"
            while any(run.status not in RESTING for run in await runs_of(app)):  # noqa: ASYNC110  # the store tells
                await asyncio.sleep(0.05)
        await assert_whole(app, "t1")
        await assert_whole(app, "t2")


@pytest.mark.parametrize("threads", [200, 10, 1])
async def test_two_hundred_runs_at_once(shared_url: str, threads: int) -> None:
    agent = slow_agent(0.001)
    async with App(agents=[agent], store=shared_url) as app, asyncio.timeout(60):
        results = await asyncio.gather(*[app.run(agent, f"{n}", thread=f"t{n % threads}") for n in range(200)])
        assert [result.output for result in results] == ["done"] * 200
        assert Counter(run.status for run in await runs_of(app)) == {"finished": 200}
        for thread in range(threads):
            roles = [message.role for _, message in await app.messages(ME, f"t{thread}", limit=2000)]
            turn = ["user", "assistant", "tool", "assistant", "tool", "tool", "assistant"]
            assert roles == turn * (200 // threads)
        await assert_whole(app, "t0")
