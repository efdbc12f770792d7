"""Questions that never get lost: answered in any order, by any process, once; or by silence."""

import asyncio
import time
from collections import Counter
from typing import Any, Literal

import pytest
from pydantic import BaseModel, field_validator

from tests.runtime.asking import ME, Notes, asking, by_payload, until
from weft import END, START, Send, StateGraph, interrupt
from weft.errors import AnswerInvalid, Conflict, NotFound, QuestionExpired, UsageError


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_answers_one_by_one_in_any_order(apps: Any, schedule: Any) -> None:
    done = Counter[str]()
    graph = asking("a", "b", "c", "quiet", done=done, schedule=schedule, quiet=("quiet",))
    result = await apps(graph).run(graph, {}, thread="t")
    assert done == {"quiet": 1}
    asked = by_payload(result)
    assert set(asked) == {"a?", "b?", "c?"}
    for name, rest in (("c", {"a?", "b?"}), ("a", {"b?"})):
        result = await apps(graph).resume(result.run_id, {asked[f"{name}?"].id: name.upper()})
        assert result.paused
        assert {q.payload: q.id for q in result.questions} == {p: asked[p].id for p in rest}
        assert done[name] == 1, "what can go on goes on"
    result = await apps(graph).resume(result.run_id, {asked["b?"].id: "B"})
    assert sorted(result.output["said"]) == ["a=A", "b=B", "c=C", "quiet=nothing"]
    assert set(done.values()) == {1}


async def test_the_same_answer_again_is_fine_and_another_is_a_conflict(apps: Any) -> None:
    graph = asking("a", "b", done=Counter())
    app = apps(graph)
    asked = by_payload(await app.run(graph, {}, thread="t"))
    run = (await app.questions())[0].run_id
    await app.answer(ME, run, {asked["a?"].id: {"x": 1, "y": 2}})
    await app.answer(ME, run, {asked["a?"].id: {"y": 2, "x": 1}})
    with pytest.raises(Conflict):
        await app.answer(ME, run, {asked["a?"].id: {"x": 2}})
    with pytest.raises(Conflict):
        await app.answer(ME, run, {asked["b?"].id: 1, asked["a?"].id: {"x": 2}})
    with pytest.raises(NotFound):
        await app.answer(ME, run, {asked["b?"].id: 1, "nothing": 2})
    assert [row.id for row in await app.questions()] == [asked["b?"].id]
    await app.start()
    await app.answer(ME, run, {asked["b?"].id: 1})
    assert (await app.wait(ME, run, 10)).status == "finished"
    await app.answer(ME, run, {asked["b?"].id: 1})
    with pytest.raises(Conflict):
        await app.answer(ME, run, {asked["b?"].id: 2})
    with pytest.raises(Conflict, match="finished"):
        await app.resume(run, {asked["b?"].id: 1})


async def test_an_answer_that_comes_while_the_run_goes_on_is_not_lost(apps: Any) -> None:
    slow = asyncio.Event()

    async def first(state: Notes) -> Notes:
        answer = interrupt("first?")
        await slow.wait()
        return {"said": [answer]}

    def second(state: Notes) -> Notes:
        return {"said": [interrupt("second?")]}

    graph = StateGraph(Notes, name="g").add_node(first).add_node(second)
    graph = graph.add_edge(START, "first").add_edge(START, "second").compile()
    app = apps(graph)
    await app.start()
    run = await app.submit("g", {}, scope=ME, thread="t")
    await app.wait(ME, run.id, 10)
    asked = {row.payload: row.id for row in await app.questions()}
    await app.answer(ME, run.id, {asked[b'"first?"']: "1"})
    await until(app, run.id, "running")
    await app.answer(ME, run.id, {asked[b'"second?"']: "2"})
    slow.set()
    await until(app, run.id, "finished")


class Trip(BaseModel):
    nights: int
    place: str = "Rome"

    @field_validator("place")
    @classmethod
    def _known(cls, place: str) -> str:
        if place == "Atlantis":
            raise ValueError("there is no such place")
        return place


def typed(schema: Any, got: list[Any]) -> Any:
    def ask(state: Notes) -> Notes:
        got.append(interrupt("where?", schema=schema))
        return {}

    return StateGraph(Notes, name="g").add_node(ask).add_edge(START, "ask").compile()


@pytest.mark.parametrize(
    ("schema", "wrong", "place", "right", "value"),
    [
        (Trip, {"nights": "many"}, "$.nights", {"nights": 2}, Trip(nights=2)),
        (int, "three", "$", 3, 3),
        (Literal["red", "blue"], "green", "$", "red", "red"),
        ({"type": "object", "required": ["ok"]}, {}, "$", {"ok": True}, {"ok": True}),
        (list[int], [1, "x"], r"$\[1\]", [1, 2], [1, 2]),
    ],
)
async def test_answers_are_checked_when_given_and_typed_when_returned(
    apps: Any, schema: Any, wrong: Any, place: str, right: Any, value: Any
) -> None:
    got: list[Any] = []
    graph = typed(schema, got)
    app = apps(graph)
    paused = await app.run(graph, {}, thread="t")
    (question,) = paused.questions
    with pytest.raises(AnswerInvalid, match=place.replace("$", r"\$", 1)):
        await app.resume(paused.run_id, {question.id: wrong})
    assert [row.question for row in await app.questions()] == [question]
    assert not (await apps(graph).resume(paused.run_id, {question.id: right})).paused
    assert got == [value]
    assert type(got[0]) is type(value)


async def test_a_schema_that_is_none_is_the_callers_mistake(apps: Any) -> None:
    graph = typed(object(), [])
    with pytest.raises(UsageError, match="no JSON Schema"):
        await apps(graph).run(graph, {})


def test_outside_of_a_run_nobody_can_be_asked() -> None:
    with pytest.raises(UsageError, match="interrupt"):
        interrupt("anybody?")


async def test_after_a_run_nobody_asks_on_its_behalf(apps: Any) -> None:
    graph = asking("a", done=Counter())
    await apps(graph).run(graph, {})
    with pytest.raises(UsageError, match="interrupt"):
        interrupt("anybody?")


def waiting(seconds: float, got: list[Any], **default: Any) -> Any:
    def ask(state: Notes) -> Notes:
        got.append(interrupt("now?", expires=seconds, **default))
        return {}

    return StateGraph(Notes, name="g").add_node(ask).add_edge(START, "ask").compile()


async def test_silence_is_the_default_even_if_no_process_was_up(apps: Any) -> None:
    got: list[Any] = []
    graph = waiting(0.3, got, default="no")
    paused = await apps(graph).run(graph, {}, thread="t")
    (question,) = paused.questions
    assert question.expires_at == pytest.approx(time.time(), abs=5)
    await asyncio.sleep(0.4)
    app = apps(graph)
    await app.start()
    assert (await app.wait(ME, paused.run_id, 10)).status in ("queued", "running", "finished")
    await until(app, paused.run_id, "finished")
    assert got == ["no"]
    with pytest.raises(Conflict):
        await app.answer(ME, paused.run_id, {question.id: "yes"})


async def test_without_a_default_the_node_fails_when_its_time_is_over(apps: Any) -> None:
    graph = waiting(1.0, [])
    app = apps(graph)
    paused = await app.run(graph, {}, thread="t")
    with pytest.raises(UsageError, match="none that it has not had"):
        await app.resume(paused.run_id, {})
    await asyncio.sleep(1.1)
    with pytest.raises(QuestionExpired, match="no default"):
        await app.resume(paused.run_id, {})
    assert (await app.store.runs.get(ME, paused.run_id)).status == "failed"


async def test_a_question_in_time_keeps_its_time_when_another_is_answered(apps: Any) -> None:
    def first(state: Notes) -> Notes:
        return {"said": [interrupt("first?", expires=60, default="1")]}

    def second(state: Notes) -> Notes:
        return {"said": [interrupt("second?")]}

    graph = StateGraph(Notes, name="g").add_node(first).add_node(second)
    graph = graph.add_edge(START, "first").add_edge(START, "second").compile()
    app = apps(graph)
    asked = by_payload(await app.run(graph, {}, thread="t"))
    run = (await app.questions())[0].run_id
    again = await app.resume(run, {asked["second?"].id: "2"})
    assert again.questions[0].expires_at == asked["first?"].expires_at


async def test_sends_and_loops_ask_with_ids_of_their_own(apps: Any) -> None:
    done = Counter[str]()

    def one(item: Any) -> Notes:
        answer = interrupt(f"{item}?")
        done[str(item)] += 1
        return {"said": [f"{item}={answer}"]}

    def more(state: Notes) -> Any:
        return [Send("one", f"again{n}") for n in range(2)] if len(state["said"]) < 5 else END

    graph = StateGraph(Notes, name="g").add_node(one).add_node("look", lambda state: {"said": ["."]})
    graph = graph.add_conditional_edges(START, lambda state: [Send("one", n) for n in range(2)])
    graph = graph.add_edge("one", "look").add_conditional_edges("look", more).compile()
    result = await apps(graph).run(graph, {}, thread="t")
    seen: list[str] = []
    while result.paused:
        question = result.questions[-1]
        seen.append(question.id)
        result = await apps(graph).resume(result.run_id, {question.id: "x"})
    assert len(set(seen)) == 4
    assert set(done.values()) == {1}
    assert len(done) == 4


async def test_a_pydantic_rule_that_no_schema_can_say_fails_the_node(apps: Any) -> None:
    graph = typed(Trip, [])
    app = apps(graph)
    paused = await app.run(graph, {}, thread="t")
    with pytest.raises(AnswerInvalid, match="no such place"):
        await app.resume(paused.run_id, {paused.questions[0].id: {"nights": 1, "place": "Atlantis"}})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schema": {"type": "sometimes"}}, r"no JSON Schema: at \$.type"),
        ({"expires": -1}, "a number of seconds, 0 or more, not -1"),
        ({"expires": "soon"}, "a number of seconds, 0 or more, not 'soon'"),
        ({"default": 1}, "waits for ever: say expires= too"),
        ({"expires": 60, "schema": int, "default": "many"}, "the default of a question is an answer to it.*'many'"),
    ],
)
async def test_a_question_that_nobody_could_answer_is_not_put(apps: Any, options: Any, words: str) -> None:
    def asks(state: Notes) -> Notes:
        return {"said": [interrupt("?", **options)]}

    graph = StateGraph(Notes, name="g").add_node(asks).add_edge(START, "asks").compile()
    app = apps(graph)
    with pytest.raises(UsageError, match=words):
        await app.run(graph, {}, thread="t")
    assert await app.questions() == []


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("waits", [False, True])
async def test_conditional_edges_ask(apps: Any, waits: bool, below: bool) -> None:
    def ask(state: Notes) -> str:
        return interrupt("where to?")

    async def wait_and_ask(state: Notes) -> str:
        return interrupt("where to?")

    route: Any = wait_and_ask if waits else ask
    graph = StateGraph(Notes, name="routed").add_node("a", lambda state: {"said": ["a"]})
    graph.add_node("b", lambda state: {"said": ["b"]})
    made: Any = graph.add_conditional_edges(START, route, ["a", "b"]).add_conditional_edges("a", route).compile()
    if below:
        made = StateGraph(Notes, name="above").add_node("routed", made).add_edge(START, "routed").compile()
    paused = await apps(made).run(made, {"said": []})
    again = await apps(made).resume(paused.run_id, {paused.questions[0].id: "a"})
    assert [one.payload for one in (*paused.questions, *again.questions)] == ["where to?"] * 2
    assert paused.questions[0].id != again.questions[0].id
    done = await apps(made).resume(paused.run_id, {again.questions[0].id: "b"})
    assert done.output == {"said": ["a", "b"]}
