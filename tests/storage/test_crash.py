"""What is acknowledged survives: a killed process, a killed database, a restart in the midst of commits."""

import asyncio
import subprocess
import time
from pathlib import Path

import pytest

from tests.services import PostgresServer
from tests.storage.samples import LOCAL, Jobs, begin, checkpoint, commit_of, message, snapshot_of
from tests.warm import KILL, python
from weft.storage import open_store
from weft.storage.base import RunRecord, SlotRow, Store

ROOT = Path(__file__).parents[2]


def run_child_until_killed(url: str, seconds: float) -> dict[tuple[str, str], int]:
    """The last acknowledged number of each run (and its thread)."""
    command = python("-m", "tests.storage.child", url)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        time.sleep(seconds)
        child.send_signal(KILL)
        lines += child.stdout.readlines()
    acknowledged: dict[tuple[str, str], int] = {}
    for line in lines:
        if line.endswith("\n") and len(parts := line.split()) == 3:
            acknowledged[parts[0], parts[1]] = int(parts[2])
    return acknowledged


async def check_whole(store: Store, acknowledged: dict[tuple[str, str], int]) -> None:
    """Every acknowledged commit is there, and none in part: events, messages and state end at one number."""
    for (run_id, thread_id), last in acknowledged.items():
        run = await store.runs.get(LOCAL, run_id)
        assert run.seq >= last
        assert [row.seq for row in await store.runs.events(LOCAL, run_id, limit=10**6)] == list(range(1, run.seq + 1))
        messages = await store.threads.messages(LOCAL, thread_id, limit=10**6)
        assert [row.seq for row in messages] == list(range(1, run.seq + 1))
        assert (await store.threads.get(LOCAL, thread_id)).head_seq == run.seq
        snapshot = await snapshot_of(store, thread_id, "agent")
        assert snapshot is not None
        assert (snapshot.step, snapshot.slots[0][1].body) == (run.seq, b"%d" % run.seq)


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.8])
async def test_a_killed_process_loses_nothing_that_was_acknowledged(shared_url: str, seconds: float) -> None:
    url = shared_url.replace("synchronous=NORMAL", "synchronous=FULL")
    acknowledged = await asyncio.to_thread(run_child_until_killed, url, seconds)
    assert acknowledged
    store = await open_store(url)
    await check_whole(store, acknowledged)
    jobs = Jobs()
    await store.workers.gone("worker")
    assert await store.workers.reap(30, jobs) == 20
    await store.close()


async def drive(store: Store, run: RunRecord, stop: asyncio.Event) -> int:
    seq = 0
    while not stop.is_set():
        seq += 1
        step = checkpoint(seq, (SlotRow(channel="a", op="set", body=b"%d" % seq),), a=(seq, seq))
        await store.commit(commit_of(run, seq, messages=[message(seq)], checkpoints=[step]))
    return seq


@pytest.mark.parametrize("fault", ["restart", "kill"])
async def test_a_database_that_comes_back_has_lost_nothing(
    postgres_server: PostgresServer, postgres_url: str, fault: str
) -> None:
    store = await open_store(postgres_url)
    runs = [await begin(store) for _ in range(20)]
    stop = asyncio.Event()
    driven = asyncio.gather(*(drive(store, run, stop) for run in runs))
    await asyncio.sleep(0.3)
    if fault == "restart":
        await asyncio.to_thread(postgres_server.stop, "fast")
    else:
        await asyncio.to_thread(postgres_server.kill)
    reading = asyncio.gather(*(store.runs.get(LOCAL, run.id) for run in runs))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(postgres_server.start)
    await reading
    before = [await store.runs.get(LOCAL, run.id) for run in runs]
    for _ in range(40):  # connections are tried again after a while
        await asyncio.sleep(0.25)
        if any([(await store.runs.get(LOCAL, run.id)).seq > run.seq for run in before]):
            break
    stop.set()
    ends = await driven
    for run, end in zip(runs, ends, strict=True):
        await check_whole(store, {(run.id, run.thread_id): end})
        assert (await store.runs.get(LOCAL, run.id)).seq == end
    assert sum(ends) > sum(run.seq for run in before)
    await store.close()
