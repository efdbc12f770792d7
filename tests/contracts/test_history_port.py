"""What every store promises of the past: the port ``History``, on each database."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Open
from tests.storage.samples import LOCAL, begin, checkpoint, commit_of, event, message, record
from weft.errors import Conflict, NotFound
from weft.storage import Store
from weft.storage.base import Branch, ContextRow, FinishedRow, Page, QuestionRow, RunChange, RunRecord, Scope, SlotRow

FOREIGN = (Scope("default", "somebody"), Scope("elsewhere", "local"), Scope("elsewhere"))


async def steps(store: Store, count: int = 4, **fields: Any) -> RunRecord:
    """A finished run of ``count`` steps: channel a is set, channel b grows, each step says something."""
    run = await begin(store, **fields)
    for i in range(1, count + 1):
        slots = (
            SlotRow(channel="a", op="set", body=b"%d" % i),
            SlotRow(channel="b", op="set" if i == 1 else "append", body=b"[%d]" % i),
        )
        row = checkpoint(i, slots, a=(i, i), b=(1, i))
        change = RunChange(status="finished") if i == count else None
        await store.commit(commit_of(run, i, messages=[message(i)], checkpoints=[row], run=change))
    return run


def branch(run: RunRecord, step: int, *, into: str | None = None, **fields: Any) -> Branch:
    stands = record(thread_id=into or run.thread_id, workspace=run.workspace, user_id=run.user_id, origin=b"{}")
    slots = (SlotRow(channel="a", op="set", body=b"9"), SlotRow(channel="b", op="set", body=b"[9]"))
    row = checkpoint(step, slots, a=(step, step), b=(step, step))
    return Branch(run=stands, source=run.thread_id, events=[event(1), event(2)], checkpoint=row, **fields)


async def test_checkpoints_are_listed_newest_first_and_by_pages(store: Store) -> None:
    run = await steps(store)
    notes = await store.history.checkpoints(LOCAL, run.thread_id, "agent")
    assert [(n.step, n.run_id, n.changed, n.version) for n in notes] == [
        (step, run.id, ("a", "b"), "v1") for step in (4, 3, 2, 1)
    ]
    assert [n.at for n in notes] == [run.created_at + step for step in (4, 3, 2, 1)]
    assert notes[0].head == b'{"step":4}'
    page = await store.history.checkpoints(LOCAL, run.thread_id, "agent", before=3, limit=1)
    assert [n.step for n in page] == [2]
    assert await store.history.checkpoints(LOCAL, run.thread_id, "agent", before=2**40) == notes
    assert await store.history.checkpoints(LOCAL, run.thread_id, "other") == []
    assert await store.history.paths(LOCAL, run.thread_id) == ["agent"]


async def test_the_state_at_any_step(store: Store) -> None:
    run = await steps(store)
    for step in range(1, 5):
        snapshot = await store.history.at(LOCAL, run.thread_id, "agent", step)
        assert snapshot.step == step
        held = [(at, slot.channel, slot.body) for at, slot in snapshot.slots]
        assert (step, "a", b"%d" % step) in held
        assert [one for one in held if one[1] == "b"] == [(i, "b", b"[%d]" % i) for i in range(1, step + 1)]
    assert (await store.history.at(LOCAL, run.thread_id, "agent")).step == 4
    for step in (0, 5, 2**40, -1):
        with pytest.raises(NotFound):
            await store.history.at(LOCAL, run.thread_id, "agent", step)


async def test_nobody_sees_or_changes_the_past_of_others(store: Store) -> None:
    run = await steps(store)
    for scope in FOREIGN:
        for ask in (
            store.history.paths(scope, run.thread_id),
            store.history.checkpoints(scope, run.thread_id, "agent"),
            store.history.at(scope, run.thread_id, "agent"),
            store.history.forget(scope, run.thread_id, {"agent": [1]}),
            store.history.branch(scope, branch(run, 5)),
        ):
            with pytest.raises(NotFound):
                await ask
    assert len(await store.history.checkpoints(LOCAL, run.thread_id, "agent")) == 4


async def test_a_branch_is_a_finished_run_with_its_checkpoint_context_and_messages(store: Store) -> None:
    run = await steps(store)
    made = branch(
        run, 5, messages=[message(5, at=0.0)], context=ContextRow(start=2, body=b"{}"),
        finished=[FinishedRow(path="agent", step=5, activation="4:x", body=b"done")],
    )  # fmt: skip
    before = await store.threads.open(run.thread_id, path="agent", conversation="")
    stands = await store.history.branch(LOCAL, made)
    assert (stands.status, stands.seq, stands.origin, stands.thread_id) == ("finished", 2, b"{}", run.thread_id)
    opened = await store.threads.open(run.thread_id, path="agent", conversation="")
    assert opened.mark != before.mark
    assert await store.history.branch(LOCAL, made) == stands, "the same again changes nothing"
    assert (opened.head_seq, opened.context) == (5, ContextRow(start=2, body=b"{}"))
    assert opened.snapshot is not None
    assert (opened.snapshot.step, [row.activation for row in opened.snapshot.finished]) == (5, ["4:x"])
    assert (await store.history.checkpoints(LOCAL, run.thread_id, "agent", limit=1))[0].run_id == stands.id
    assert [row.run_id for row in await store.threads.messages(LOCAL, run.thread_id)][-1] == stands.id


async def test_a_branch_into_a_new_thread_copies_the_messages(store: Store) -> None:
    run = await steps(store)
    await store.history.branch(LOCAL, branch(run, 3, into="new", upto=2))
    assert [(row.seq, row.run_id) for row in await store.threads.messages(LOCAL, "new")] == [(1, None), (2, None)]
    assert (await store.threads.get(LOCAL, "new")).head_seq == 2
    with pytest.raises(Conflict):
        await store.history.branch(LOCAL, branch(run, 3, into="new"))
    with pytest.raises(Conflict):
        await store.history.branch(LOCAL, branch(run, 4))
    assert len(await store.runs.list(LOCAL, Page(), thread_id="new")) == 1
    await store.threads.delete(LOCAL, run.thread_id)
    assert len(await store.threads.messages(LOCAL, "new")) == 2


async def test_a_branch_ends_runs_that_wait_and_refuses_while_one_runs(store: Store) -> None:
    run = await begin(store)
    await store.commit(commit_of(run, 1, checkpoints=[checkpoint(1)]))
    with pytest.raises(Conflict):
        await store.history.branch(LOCAL, branch(run, 2))
    asked = QuestionRow(id="q", path="agent", payload=b"1")
    await store.commit(commit_of(run, 2, questions=[asked], run=RunChange(status="paused")))
    untouched = await store.runs.create(record(thread_id=run.thread_id), None)
    await store.history.branch(LOCAL, branch(run, 2))
    ended = await store.runs.get(LOCAL, run.id)
    assert (ended.status, ended.error, ended.seq) == ("cancelled", "cancelled: its thread was forked", 3)
    assert await store.questions.open(LOCAL, Page()) == []
    assert (await store.runs.get(LOCAL, untouched.id)).status == "queued"


async def test_of_many_branches_at_once_one_is_made(open_shared: Open) -> None:
    one, two = await open_shared(), await open_shared()
    run = await steps(one)
    tries = [store.history.branch(LOCAL, branch(run, 5)) for store in (one, two) * 4]
    made = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, RunRecord) for result in made) == 1
    assert all(isinstance(result, RunRecord | Conflict) for result in made), made
    assert len(await one.history.checkpoints(LOCAL, run.thread_id, "agent")) == 5


async def test_what_is_forgotten_is_gone_and_what_others_need_of_it_stays(store: Store) -> None:
    run = await steps(store)
    whole = await store.history.at(LOCAL, run.thread_id, "agent")
    assert await store.history.forget(LOCAL, run.thread_id, {"agent": [1, 2, 3], "other": [1]}) == 3
    assert [n.step for n in await store.history.checkpoints(LOCAL, run.thread_id, "agent")] == [4]
    assert await store.history.at(LOCAL, run.thread_id, "agent") == whole
    with pytest.raises(NotFound):
        await store.history.at(LOCAL, run.thread_id, "agent", 1)
    assert await store.history.forget(LOCAL, run.thread_id, {"agent": [1, 2, 3]}) == 0
    assert await store.history.forget(LOCAL, run.thread_id, {"agent": [4]}) == 1
    assert await store.history.paths(LOCAL, run.thread_id) == []
    await store.history.compact()
