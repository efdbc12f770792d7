"""What every store promises of questions, answers and intents."""

import asyncio
import time

import pytest

from tests.storage.samples import (
    LOCAL,
    Jobs,
    asked,
    begin,
    commit_of,
    event,
    no_job,
)
from weft.errors import Conflict, NotFound
from weft.events import EffectUnknown
from weft.storage import Store
from weft.storage.base import (
    Job,
    Page,
    QuestionRow,
    RunChange,
    RunRecord,
    Scope,
)

FOREIGN = (Scope("default", "somebody"), Scope("elsewhere", "local"), Scope("elsewhere"))


# Questions


async def told(store: Store, run: RunRecord, **answers: bytes) -> bool:
    return await store.questions.answer(LOCAL, run.id, answers, no_job)


async def taken(store: Store, run_id: str) -> dict[str, tuple[str, bytes | None]]:
    """What a run takes that is acquired once more."""
    run = await store.runs.get(LOCAL, run_id)
    return {row.id: (row.status, row.answer) for row in await store.questions.take(run_id, run.fence)}


async def test_an_answer_is_recorded_once_and_wakes_its_run(store: Store) -> None:
    run, jobs = await asked(store, "q1", "q2"), Jobs()
    assert await store.questions.answer(LOCAL, run.id, {"q1": b"1"}, jobs)
    assert jobs.durable == [Job(run_id=run.id, epoch=1)]
    assert (await store.runs.get(LOCAL, run.id)).status == "queued"
    assert not await told(store, run, q1=b"1")
    with pytest.raises(Conflict):
        await told(store, run, q1=b"2")
    assert [row.id for row in await store.questions.open(LOCAL, Page(), run_id=run.id)] == ["q2"]
    with pytest.raises(NotFound):
        await told(store, run, q3=b"1")
    for scope in FOREIGN:
        with pytest.raises(NotFound):
            await store.questions.answer(scope, run.id, {"q2": b"1"}, no_job)
        with pytest.raises(NotFound):
            await store.questions.find(scope, run.id, ["q2"])
        assert await store.questions.open(scope, Page()) == []


async def test_answers_are_recorded_together_or_not_at_all(store: Store) -> None:
    run = await asked(store, "q1", "q2")
    await told(store, run, q1=b"1")
    for wrong in ({"q2": b"2", "q1": b"0"}, {"q2": b"2", "q3": b"1"}):
        with pytest.raises((Conflict, NotFound)):
            await told(store, run, **wrong)
        assert [row.id for row in await store.questions.open(LOCAL, Page(), run_id=run.id)] == ["q2"]


async def test_of_many_answers_at_once_one_counts(store: Store) -> None:
    run = await asked(store, "q")
    tries = [told(store, run, q=b"%d" % n) for n in range(10)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert outcomes.count(True) == 1
    assert all(isinstance(outcome, Conflict) for outcome in outcomes if outcome is not True)


async def test_what_is_told_is_taken_by_whoever_holds_the_run(store: Store) -> None:
    run, jobs = await asked(store, "q1", "q2"), Jobs()
    await store.questions.answer(LOCAL, run.id, {"q1": b"1"}, jobs)
    assert [row.status for row in await store.questions.take(run.id, 99)] == ["answered", "open"]
    assert await taken(store, run.id) == {"q1": ("answered", b"1"), "q2": ("open", None)}
    assert await taken(store, run.id) == {"q1": ("taken", b"1"), "q2": ("open", None)}
    assert not await told(store, run, q1=b"1"), "the run has it already"
    with pytest.raises(Conflict):
        await told(store, run, q1=b"2")


async def test_an_answer_to_a_run_that_goes_on_wakes_it_when_it_rests(store: Store) -> None:
    run, jobs = await asked(store, "q1", "q2"), Jobs()
    await store.questions.answer(LOCAL, run.id, {"q1": b"1"}, jobs)
    again = await store.runs.acquire(jobs.durable[0], "worker", 30)
    assert again is not None
    await taken(store, run.id)
    assert not await told(store, run, q2=b"2")
    assert await store.questions.wake(jobs) == 0
    still = [QuestionRow(id="q2", path="p", payload=b"1")]
    await store.commit(commit_of(again, 2, questions=still, run=RunChange(status="paused")))
    assert await store.questions.wake(jobs) == 1
    assert jobs.durable[-1] == Job(run_id=run.id, epoch=2)
    assert await taken(store, run.id) == {"q1": ("taken", b"1"), "q2": ("answered", b"2")}


async def test_silence_is_an_answer_once_the_time_is_over(store: Store) -> None:
    run, jobs, now = await begin(store), Jobs(), time.time()
    ask = [
        QuestionRow(id="default", path="p", payload=b"1", expires_at=now - 1, fallback=b"7"),
        QuestionRow(id="late", path="p", payload=b"1", expires_at=now - 1),
        QuestionRow(id="later", path="p", payload=b"1", expires_at=now + 60, fallback=b"7"),
    ]
    await store.commit(commit_of(run, 1, questions=ask, run=RunChange(status="paused")))
    with pytest.raises(Conflict, match="its time is over"):
        await told(store, run, late=b"1")
    assert await store.questions.wake(jobs) == 1
    assert await store.questions.wake(jobs) == 0
    assert jobs.durable == [Job(run_id=run.id, epoch=1)]
    with pytest.raises(Conflict):
        await told(store, run, default=b"8")
    expected = {"default": ("answered", b"7"), "late": ("expired", None), "later": ("open", None)}
    assert await taken(store, run.id) == expected
    assert (await taken(store, run.id))["late"] == ("taken", None)


async def test_an_intent_is_no_question_until_it_is_asked(store: Store) -> None:
    run = await begin(store)
    intents = [QuestionRow(id=id, path="p", payload=b"1", status="intent", kind="outcome") for id in "abc"]
    await store.commit(commit_of(run, 1, questions=intents))
    assert await store.questions.open(LOCAL, Page()) == []
    changes = [
        QuestionRow(id="a", path="p", payload=b"2", kind="outcome"),
        QuestionRow(id="b", path="p", payload=b"1", status="settled", kind="outcome"),
    ]
    await store.commit(commit_of(run, 2, questions=changes))
    await store.commit(commit_of(run, 1, questions=intents))
    (row,) = await store.questions.open(LOCAL, Page())
    assert (row.id, row.payload, row.kind) == ("a", b"2", "outcome")
    assert {id: status for id, (status, _) in (await taken(store, run.id)).items()} == {
        "a": "open", "b": "settled", "c": "intent"}  # fmt: skip


async def test_what_was_under_way_when_a_run_was_cancelled_is_unknown(store: Store) -> None:
    run = await begin(store)
    payload = b'{"name":"pay","key":"k","arguments":{}}'
    intents = [
        QuestionRow(id="a", path="p/1:x", payload=payload, status="intent", kind="outcome"),
        QuestionRow(id="b", path="p/1:y", payload=payload, kind="outcome"),
    ]
    await store.commit(commit_of(run, 1, events=[event(1)], questions=intents))
    await store.runs.cancel(LOCAL, run.id, None)
    last = await store.runs.events(LOCAL, run.id, after=1)
    assert [(row.seq, row.path) for row in last] == [(2, ("p", "1:x")), (3, ("agent",))]
    assert isinstance(last[0].event, EffectUnknown)
    assert (last[0].event.name, last[0].event.key) == ("pay", "k")
    assert [row.id for row in await store.questions.open(LOCAL, Page(newest=False), status="unknown")] == ["a", "b"]


async def test_a_question_that_is_asked_again_keeps_its_answer_and_a_withdrawn_one_closes(store: Store) -> None:
    run = await begin(store)
    ask = [QuestionRow(id="a", path="p", payload=b"1"), QuestionRow(id="b", path="p", payload=b"1")]
    await store.commit(commit_of(run, 1, questions=ask))
    await told(store, run, a=b"1")
    await store.commit(commit_of(run, 2, questions=ask))
    close = [QuestionRow(id=id, path="p", payload=b"1", status="withdrawn") for id in "ab"]
    await store.commit(commit_of(run, 3, questions=close))
    assert await store.questions.open(LOCAL, Page()) == []
    assert await taken(store, run.id) == {"a": ("answered", b"1"), "b": ("withdrawn", None)}


async def test_open_questions_come_in_pages_until_their_run_ends(store: Store) -> None:
    runs = [await asked(store, "q1", "q2") for _ in range(3)]
    await asked(store, "q", user_id="somebody")
    pages: list[QuestionRow] = []
    cursor = None
    while page := await store.questions.open(LOCAL, Page(limit=4, cursor=cursor)):
        pages += page
        cursor = f"{page[-1].created_at!r}:{page[-1].run_id}:{page[-1].id}"
    assert [(row.run_id, row.id) for row in pages] == [(run.id, q) for run in reversed(runs) for q in ("q2", "q1")]
    oldest = await store.questions.open(LOCAL, Page(limit=1, newest=False))
    assert (oldest[0].run_id, oldest[0].id) == (runs[0].id, "q1")
    assert len(await store.questions.open(Scope("default"), Page())) == 7
    jobs = Jobs()
    await store.runs.requeue(runs[0].id, None, jobs)
    run = await store.runs.acquire(jobs.durable[0], "worker", 30)
    assert run is not None
    await store.commit(commit_of(run, 2, run=RunChange(status="failed")))
    assert await store.questions.open(LOCAL, Page(), run_id=runs[0].id) == []
