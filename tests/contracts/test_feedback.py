"""What every store promises of feedback and notes: whose they are, how they are found, and when they go."""

from pathlib import Path
from typing import Any

import pytest

from tests.storage.samples import LOCAL, begin, commit_of, event
from weft.errors import NotFound
from weft.storage import Store, open_store
from weft.storage.base import MessageRow, RunRecord, Scope
from weft.storage.note_rows import NoteRow

BOB = Scope("default", "bob")


async def said(store: Store, thread: str = "t1", **fields: Any) -> RunRecord:
    run = await begin(store, thread_id=thread, **fields)
    row = MessageRow(seq=1, conversation="", run_id=run.id, at=1.0, body=b"{}", tokens=1)
    await store.commit(commit_of(run, 1, messages=[row], events=[event(1)]))
    return run


async def test_feedback_is_of_a_run_or_of_a_message_in_it(store: Store) -> None:
    run, other = await said(store), await begin(store, thread_id="t2")
    whole = await store.feedback.add(LOCAL, run.id, "thumb", "down", author="ada")
    one = await store.feedback.add(LOCAL, run.id, "correction", "It is Bern", message=1)
    assert (whole.run, whole.thread, whole.agent, whole.user, whole.author) == (run.id, "t1", "agent", "local", "ada")
    assert (one.message, one.value, one.n > whole.n) == (1, "It is Bern", True)
    for id, message in ((run.id, 2), (other.id, 1), ("run_x", 0)):
        with pytest.raises(NotFound):
            await store.feedback.add(LOCAL, id, "thumb", "up", message=message)
    ids = [each.n for each in await store.feedback.list(LOCAL, agent="agent", after=whole.n)]
    assert ids == [one.n]
    assert [each.n for each in await store.feedback.list(LOCAL, run_id=run.id, thread_id="t1")] == [whole.n, one.n]
    assert await store.feedback.list(LOCAL, thread_id="t2") == []


async def test_feedback_is_its_users(store: Store) -> None:
    run = await said(store)
    remark = await store.feedback.add(LOCAL, run.id, "label", "billing")
    with pytest.raises(NotFound):
        await store.feedback.add(BOB, run.id, "thumb", "up")
    with pytest.raises(NotFound):
        await store.feedback.remove(BOB, remark.n)
    assert await store.feedback.list(BOB) == []
    await store.feedback.remove(LOCAL, remark.n)
    assert await store.feedback.list(LOCAL) == []


async def test_notes_are_found_by_run_stage_and_agent_and_are_there_once(store: Store) -> None:
    run = await said(store)
    for key, kind, stage, agent, body in (
        ("a", "proposal", "draft", "writer", b'"one"'),
        ("b", "critique", "review", "critic", b'"weak"'),
        ("a", "proposal", "draft", "writer", b'"two"'),
    ):
        note = NoteRow(run=run.id, key=key, kind=kind, stage=stage, agent=agent, at=1.0, body=body)
        await store.notes.put(note)

    async def bodies(scope: Scope = LOCAL, **by: Any) -> list[bytes]:
        return [each.body for each in await store.notes.list(scope, **by)]

    assert await bodies() == [b'"two"', b'"weak"']
    assert await bodies(run_id=run.id, stage="review") == [b'"weak"']
    assert await bodies(agent="writer", kind="proposal", thread_id="t1") == [b'"two"']
    assert await bodies(run_id="run_x") == await bodies(BOB) == []


async def test_both_go_with_their_thread(store: Store) -> None:
    run = await said(store)
    await store.feedback.add(LOCAL, run.id, "thumb", "up")
    await store.notes.put(NoteRow(run=run.id, key="a", kind="k", stage="s", agent="a", at=1.0, body=b"1"))
    await store.runs.cancel(LOCAL, run.id, None)
    await store.threads.delete(LOCAL, "t1")
    assert await store.feedback.list(LOCAL) == []
    assert await store.notes.list(LOCAL) == []


async def test_no_byte_of_them_is_left(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/weft.db")
    run = await said(store)
    await store.feedback.add(LOCAL, run.id, "correction", "hush-hush feedback")
    note = NoteRow(run=run.id, key="a", kind="k", stage="s", agent="a", at=1.0, body=b'"hush-hush note"')
    await store.notes.put(note)
    await store.chores.learn(run.id, "helper")
    await store.runs.cancel(LOCAL, run.id, None)
    taken = await store.chores.take("default", 60)
    assert taken is not None
    await store.chores.keep(taken, 60, body=b"hush-hush answer")
    await store.threads.delete(LOCAL, "t1")
    await store.close()
    for file in tmp_path.iterdir():
        assert b"hush-hush" not in file.read_bytes(), file.name
