"""What every store promises of threads, lists and bytes, and that nobody sees those of others."""

import asyncio
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.storage.samples import (
    LOCAL,
    asked,
    begin,
    checkpoint,
    commit_of,
    context_of,
    count_rows,
    event,
    message,
    no_job,
    record,
    snapshot_of,
)
from weft.errors import Conflict, Fenced, NotFound, UsageError
from weft.ids import new_id
from weft.storage import Store
from weft.storage.base import (
    ContextRow,
    FinishedRow,
    Page,
    QuestionRow,
    RunChange,
    RunRecord,
    Scope,
    SlotRow,
)

FOREIGN = (Scope("default", "somebody"), Scope("elsewhere", "local"), Scope("elsewhere"))


# Lists


async def test_runs_come_in_pages(store: Store) -> None:
    thread = new_id("thread")
    runs = [await store.runs.create(record(thread_id=thread, input=b"1"), no_job) for _ in range(7)]
    await store.runs.create(record(), no_job)
    await store.runs.cancel(LOCAL, runs[3].id, None)
    for newest in (True, False):
        seen: list[RunRecord] = []
        cursor = None
        while page := await store.runs.list(LOCAL, Page(limit=3, cursor=cursor, newest=newest), thread_id=thread):
            seen += page
            cursor = page[-1].id
        assert [run.id for run in seen] == [run.id for run in (reversed(runs) if newest else runs)]
    assert {run.input for run in seen} == {b"null"}
    assert [run.id for run in await store.runs.list(LOCAL, Page(), status="cancelled")] == [runs[3].id]
    assert len(await store.runs.list(Scope("default"), Page())) == 8
    for scope in FOREIGN:
        assert await store.runs.list(scope, Page(), thread_id=thread) == []


async def test_threads_come_in_pages_by_when_they_were_used(store: Store) -> None:
    runs = [await begin(store) for _ in range(5)]
    for at, run in zip((30.0, 10.0, 20.0, 20.0, 50.0), runs, strict=True):
        await store.commit(commit_of(run, 1, at=run.created_at + at, messages=[message(1)]))
    order = [run.thread_id for run in (runs[4], runs[0])]
    seen: list[str] = []
    cursor = None
    while page := await store.threads.list(LOCAL, Page(limit=2, cursor=cursor)):
        seen += [thread.id for thread in page]
        cursor = f"{page[-1].updated_at!r}:{page[-1].id}"
    assert seen[:2] == order
    assert sorted(seen) == sorted(run.thread_id for run in runs)
    assert seen[-1] == runs[1].thread_id
    last = await store.threads.list(Scope("default"), Page(limit=1, newest=False))
    assert last[0].id == runs[1].thread_id
    for scope in FOREIGN:
        assert await store.threads.list(scope, Page()) == []
    with pytest.raises(UsageError):
        await store.threads.list(LOCAL, Page(cursor="nonsense"))


async def test_messages_are_read_by_their_numbers(store: Store) -> None:
    run = await begin(store)
    rows = [message(seq, run_id=run.id, conversation="" if seq % 2 else "inner") for seq in range(1, 21)]
    await store.commit(commit_of(run, 1, messages=rows))

    async def read(**options: Any) -> list[int]:
        return [row.seq for row in await store.threads.messages(LOCAL, run.thread_id, **options)]

    assert await read() == list(range(1, 21, 2))
    assert await read(conversation="inner", limit=3) == [2, 4, 6]
    assert await read(conversation="inner", limit=3, newest=True) == [16, 18, 20]
    assert await read(conversation="nothing") == []
    assert await read(conversation=None, after=5, before=9) == [6, 7, 8]
    assert await read(conversation=None, limit=3, newest=True, before=10) == [7, 8, 9]
    assert await read(after=20) == []


async def test_events_are_read_after_a_number(store: Store) -> None:
    run = await begin(store)
    await store.commit(commit_of(run, 9, events=[event(seq) for seq in range(1, 10)]))
    assert [row.seq for row in await store.runs.events(LOCAL, run.id, after=4, limit=3)] == [5, 6, 7]
    assert await store.runs.events(LOCAL, run.id, after=9) == []


async def test_the_end_of_a_long_thread_is_read_as_fast_as_of_a_short_one(store: Store) -> None:
    run = await begin(store)
    for start in range(1, 10_001, 1_000):
        rows = [message(seq, run_id=run.id, body=b"x" * 200) for seq in range(start, start + 1_000)]
        await store.commit(commit_of(run, start // 1_000 + 1, messages=rows))

    async def cost(**options: Any) -> float:
        times: list[float] = []
        for _ in range(20):
            begun = time.perf_counter()
            assert len(await store.threads.messages(LOCAL, run.thread_id, **options)) == 50
            times.append(time.perf_counter() - begun)
        return min(times)

    early, late = await cost(before=51), await cost(newest=True)
    assert late < 3 * early + 0.001
    assert late < 0.02


# Threads


async def test_a_thread_is_renamed(store: Store) -> None:
    run = await begin(store)
    await store.threads.rename(LOCAL, run.thread_id, "Rome")
    assert (await store.threads.get(LOCAL, run.thread_id)).title == "Rome"
    await store.runs.create(record(thread_id=run.thread_id, target="other"), no_job)
    thread = await store.threads.get(LOCAL, run.thread_id)
    assert (thread.title, thread.target) == ("Rome", "other")


async def test_nothing_is_left_of_a_deleted_thread(store: Store) -> None:
    run, other = await begin(store), await begin(store)
    for one in (run, other):
        await store.commit(
            commit_of(
                one,
                1,
                messages=[message(1)],
                contexts=[ContextRow(body=b"c")],
                checkpoints=[checkpoint(1, (SlotRow(channel="a", op="append"),), a=(1, 1))],
                finished=[FinishedRow(path="agent", step=1, activation="x", body=b"{}")],
                questions=[QuestionRow(id="q", path="p", payload=b"1")],
            )
        )
    with pytest.raises(Conflict):
        await store.threads.delete(LOCAL, run.thread_id)
    await store.commit(commit_of(run, 2, run=RunChange(status="paused")))
    kept = await count_rows(store)
    await store.threads.delete(LOCAL, run.thread_id)
    with pytest.raises(NotFound):
        await store.threads.get(LOCAL, run.thread_id)
    with pytest.raises(NotFound):
        await store.runs.get(LOCAL, run.id)
    assert await store.questions.take(run.id, run.fence) == []
    assert await context_of(store, run.thread_id, "") is None
    assert await snapshot_of(store, run.thread_id, "agent") is None
    left = await count_rows(store)
    tables = ("threads", "runs", "messages", "contexts", "checkpoints", "slots", "finished", "questions")
    assert {name: left[name] for name in tables} == dict.fromkeys(tables, 1)
    assert (kept["events"], left["events"], left["places"]) == (3, 1, 2)
    with pytest.raises(Fenced):
        await store.commit(commit_of(run, 3))
    again = await begin(store, thread_id=run.thread_id)
    assert (again.seq, again.fence) == (0, 1)
    assert await store.threads.messages(LOCAL, run.thread_id) == []


# Blobs


async def test_bytes_are_kept_once_per_workspace(store: Store) -> None:
    body = bytes(range(256)) * 100
    key = await store.blobs.put(LOCAL, body, "image/png")
    assert await store.blobs.put(Scope("default", "somebody"), body, "image/jpeg") == key
    assert await store.blobs.get(LOCAL, key) == (body, "image/png")
    assert (await count_rows(store))["blobs"] == 1
    for scope, sha256 in ((Scope("elsewhere"), key), (LOCAL, "00" * 32), (LOCAL, "nonsense")):
        with pytest.raises(NotFound):
            await store.blobs.get(scope, sha256)


# Whose rows


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


async def test_nobody_sees_or_changes_what_is_not_theirs(store: Store) -> None:
    """Every method with a scope, for whichever workspace and user."""
    run = await asked(store, "q")

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(names, names | st.none())
    def property(workspace: str, user: str | None) -> None:
        scope = Scope(workspace, user)
        if (workspace, user) not in (("default", "local"), ("default", None)):
            found.append(scope)

    found = list(FOREIGN)
    await asyncio.to_thread(property)
    for scope in found:
        await refuses(store, scope, run)
    assert (await store.runs.get(Scope("default"), run.id)).status == "paused"
    assert (await store.threads.get(Scope("default"), run.thread_id)).title == ""


async def refuses(store: Store, scope: Scope, run: RunRecord) -> None:
    calls = [
        store.runs.get(scope, run.id),
        store.runs.cancel(scope, run.id, None),
        store.runs.events(scope, run.id),
        store.threads.get(scope, run.thread_id),
        store.threads.rename(scope, run.thread_id, "mine"),
        store.threads.delete(scope, run.thread_id),
        store.threads.messages(scope, run.thread_id),
        store.questions.answer(scope, run.id, "q", b"1"),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            await call
    for rows in (
        await store.runs.list(scope, Page()),
        await store.runs.list(scope, Page(), thread_id=run.thread_id),
        await store.runs.list(scope, Page(cursor=run.id, newest=False)),
        await store.threads.list(scope, Page()),
        await store.questions.open(scope, Page(), run_id=run.id),
    ):
        assert rows == []


async def test_what_does_not_exist_is_not_found(store: Store) -> None:
    await refuses(store, LOCAL, record())
