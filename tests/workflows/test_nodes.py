"""What can be a node, what a node may say, and what becomes of it when it is slow or fails."""

import asyncio
import operator
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypedDict

import pytest
from pydantic import BaseModel

from weft import (
    END,
    START,
    Agent,
    App,
    Breaker,
    Cache,
    Command,
    Context,
    Ephemeral,
    Retry,
    Send,
    StateGraph,
    Topic,
    interrupt,
)  # fmt: skip
from weft.engine.policy import Failure
from weft.errors import CircuitOpen, GraphError, NodeTimeout
from weft.events import Custom
from weft.models.scripted import Scripted

SCHEDULES: tuple[Any, ...] = ("superstep", "eager")


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    n: int
    text: str


def says(name: str) -> Any:
    def run(state: State) -> State:
        return {"log": [name]}

    run.__name__ = name
    return run


class Adder:
    def __init__(self, by: int) -> None:
        self.by = by

    def __call__(self, state: State) -> State:
        return {"n": state["n"] + self.by}

    async def method(self, state: State, *, ctx: Context[Any]) -> State:
        return {"n": state["n"] * self.by, "log": [ctx.path[-1]]}


def scaled(by: int, state: State) -> State:
    return {"n": state["n"] * by}


async def test_functions_of_every_kind() -> None:
    async def waits(state: State) -> State:
        return {"n": state["n"] + 1}

    graph = (
        StateGraph(State)
        .add_sequence(
            ("lambda", lambda state: {"n": state["n"] + 1}), waits, ("partial", partial(scaled, 2)), Adder(5),
            ("method", Adder(10).method),
        )
        .set_entry_point("lambda").set_finish_point("method").compile()
    )  # fmt: skip
    assert (await graph.run({"n": 0})).output == {"n": 90, "log": ["5:method"]}


async def test_a_graph_with_the_same_state_is_a_node() -> None:
    inner = StateGraph(State, name="inner").add_node("in", lambda state: {"text": f"{state['n']}!"})
    inner.add_edge(START, "in").add_edge("in", END)
    outer = StateGraph(State).add_node(inner.compile()).add_edge(START, "inner").add_edge("inner", END).compile()
    assert (await outer.run({"n": 3})).output == {"n": 3, "text": "3!"}


class Own(TypedDict, total=False):
    question: str
    answer: str


async def test_a_graph_with_a_state_of_its_own_and_an_agent() -> None:
    inner = StateGraph(Own, name="inner").add_node("in", lambda state: {"answer": state["question"].upper()})
    inner.add_edge(START, "in")
    agent = Agent("poet", model=Scripted(["a rhyme"]))
    outer = (
        StateGraph(State)
        .add_node(
            inner.compile(), input=lambda state: {"question": state["text"]}, output=lambda out: {"text": out["answer"]}
        )
        .add_node(agent, input="text", output=lambda out: {"log": [out]})
        .add_edge(START, "inner").add_edge("inner", "poet").compile()
    )  # fmt: skip
    assert (await outer.run({"text": "why"})).output == {"text": "WHY", "log": ["a rhyme"]}
    with pytest.raises(GraphError, match="say input= and output="):
        StateGraph(State).add_node(agent).add_edge(START, "poet").compile()


@pytest.mark.parametrize("schedule", SCHEDULES)
async def test_a_command_out_of_a_graph_in_a_graph(schedule: Any, tmp_path: Any) -> None:
    def leaves(state: State) -> Command[Any]:
        return Command(graph=Command.PARENT, update={"log": ["from below"]}, goto="after")

    inner = (
        StateGraph(State, name="inner").add_node("leaves", leaves).add_node("never", says("never"))
        .add_edge(START, "leaves").add_edge("leaves", "never").compile(schedule=schedule)
    )  # fmt: skip
    outer = (
        StateGraph(State, name="outer").add_node("inner", inner).add_node("after", says("after"))
        .add_edge(START, "inner").compile(schedule=schedule)
    )  # fmt: skip
    assert (await outer.run({})).output == {"log": ["from below", "after"]}
    async with App(targets=[outer], store=f"sqlite:///{tmp_path / 'weft.db'}") as app:
        assert (await app.run(outer, {}, thread="t")).output == {"log": ["from below", "after"]}
    with pytest.raises(GraphError, match="there is none"):
        await inner.run({})


async def test_several_answers_of_one_node() -> None:
    def many(state: State) -> list[Any]:
        return [{"log": ["a"]}, Command(update={"log": ["b"], "n": 1}, goto="next"), {"n": 2}]

    graph = StateGraph(State).add_node("many", many).add_node("next", says("next")).add_edge(START, "many").compile()
    assert (await graph.run({})).output == {"log": ["a", "b", "next"], "n": 2}


async def test_a_command_as_input_takes_the_place_of_the_edges_from_start() -> None:
    graph = StateGraph(State).add_sequence(says("a"), says("b")).add_edge(START, "a").compile()
    assert (await graph.run({})).output == {"log": ["a", "b"]}
    assert (await graph.run(Command(update={"n": 1}, goto="b"))).output == {"log": ["b"], "n": 1}


@pytest.mark.parametrize("schedule", SCHEDULES)
async def test_a_deferred_node_runs_when_all_the_others_are_done(schedule: Any, tmp_path: Any) -> None:
    graph = StateGraph(State, name="deferring")
    for name in ("a", "b1", "b2", "b3"):
        graph.add_node(says(name))
    graph.add_node("last", says("last"), defer=True)
    graph.add_edge(START, "a").add_edge(START, "b1").add_edge("b1", "b2").add_edge("b2", "b3")
    graph.add_edge("a", "last").add_edge("b3", "last")
    compiled = graph.compile(schedule=schedule)
    async with App(targets=[compiled], store=f"sqlite:///{tmp_path / 'weft.db'}") as app:
        log = (await app.run(compiled, {}, thread="t")).output["log"]
    assert log[-1] == "last"
    assert sorted(log) == ["a", "b1", "b2", "b3", "last"]


class Private(TypedDict, total=False):
    secret: str


class Into(TypedDict):
    text: str


class Out(TypedDict):
    n: int


async def test_what_comes_in_what_goes_out_and_what_only_nodes_see() -> None:
    seen: list[Any] = []

    def first(state: State) -> dict[str, Any]:
        seen.append(dict(state))
        return {"secret": state["text"] * 2, "log": ["x"]}

    def second(state: Private) -> State:
        seen.append(dict(state))
        return {"n": len(state["secret"])}

    graph = (
        StateGraph(State, input_schema=Into, output_schema=Out)
        .add_sequence(first, second).add_edge(START, "first").add_edge("second", END).compile()
    )  # fmt: skip
    assert (await graph.run({"text": "ab"})).output == {"n": 4}
    assert seen == [{"text": "ab"}, {"secret": "abab"}]
    with pytest.raises(GraphError, match="'n'"):
        await graph.run({"n": 1})


class Model(BaseModel):
    n: int
    words: Annotated[list[str], operator.add] = []


async def test_a_pydantic_state_is_validated_where_a_node_reads_it() -> None:
    def more(state: Model) -> Model:
        return Model(n=state.n + 1, words=["one"])

    def bad(state: Model) -> dict[str, Any]:
        return {"n": "many"}

    graph = StateGraph(Model).add_sequence(more, bad, ("reads", lambda state: None)).add_edge(START, "more").compile()
    with pytest.raises(GraphError, match=r"not a valid Model[\s\S]*valid integer"):
        await graph.run({"n": 1})
    with pytest.raises(GraphError, match="not a valid Model"):
        await graph.run({"n": "x"})
    fine = StateGraph(Model).add_node(more).add_edge(START, "more").compile()
    assert (await fine.run({"n": 1, "words": ["zero"]})).output == {"n": 2, "words": ["zero", "one"]}


class Channels(TypedDict, total=False):
    items: Annotated[list[str], Topic]
    flash: Annotated[str, Ephemeral]
    seen: str


async def test_channels_as_annotations() -> None:
    graph = (
        StateGraph(Channels)
        .add_node("a", lambda state: {"items": "one", "flash": "now"})
        .add_node("b", lambda state: {"items": ["two", "three"], "seen": state.get("flash")})
        .add_node("c", lambda state: {"seen": state["seen"] + str(state.get("flash"))})
        .add_sequence("a", "b", "c").add_edge(START, "a").compile()
    )  # fmt: skip
    assert (await graph.run({})).output == {"items": ("one", "two", "three"), "seen": "nowNone"}


async def test_a_field_wakes_who_listens() -> None:
    graph = StateGraph(State).add_node("a", lambda state: {"n": 1}).add_node("b", says("woken"), listens=["n"])
    assert (await graph.add_edge(START, "a").compile().run({})).output == {"n": 1, "log": ["woken"]}


@dataclass
class Deps:
    greeting: str


async def test_the_context_schema_makes_deps_of_a_dict() -> None:
    def greet(state: State, ctx: Context[Deps]) -> State:
        return {"text": ctx.deps.greeting}

    graph = StateGraph(State, Deps).add_node(greet).add_edge(START, "greet").compile()
    assert (await graph.run({}, deps={"greeting": "ahoy"})).output == {"text": "ahoy"}
    assert (await graph.run({}, deps=Deps("hi"))).output == {"text": "hi"}


async def test_sends_carry_what_a_node_is_typed_for() -> None:
    @dataclass
    class Part:
        size: int

    def work(part: Part) -> State:
        return {"log": [f"{type(part).__name__} {part.size}"]}

    graph = StateGraph(State).add_node("work", work)
    graph.add_conditional_edges(START, lambda state: [Send("work", Part(1)), Send("work", {"size": 2})], ["work"])
    assert (await graph.compile().run({})).output == {"log": ["Part 1", "Part 2"]}


async def test_a_route_from_start_that_waits() -> None:
    async def route(state: State) -> Literal["a", "b"]:
        await asyncio.sleep(0)
        return "b" if state["n"] else "a"

    graph = StateGraph(State).add_node(says("a")).add_node(says("b")).add_conditional_edges(START, route).compile()
    assert (await graph.run({"n": 1})).output == {"n": 1, "log": ["b"]}


# Slow and failing


@pytest.mark.parametrize("schedule", SCHEDULES)
async def test_retries_by_error(schedule: Any) -> None:
    raised: list[str] = []

    def flaky(state: State) -> State:
        error = [OSError, OSError, KeyError, KeyError][len(raised)]
        raised.append(error.__name__)
        raise error("x")

    retry = [Retry(attempts=5, pause=0.001, on=(OSError,)), Retry(attempts=1, pause=0.001, on=(KeyError,))]
    graph = StateGraph(State).add_node("flaky", flaky, retry=retry).add_edge(START, "flaky").compile(schedule=schedule)
    with pytest.raises(KeyError):
        await graph.run({})
    assert raised == ["OSError", "OSError", "KeyError"]


@pytest.mark.parametrize("schedule", SCHEDULES)
async def test_signs_of_life_keep_a_node_from_timing_out(schedule: Any) -> None:
    async def lively(state: State, ctx: Context[Any]) -> State:
        for _ in range(11):
            await asyncio.sleep(0.06)
            ctx.emit(None)
        return {"text": "alive"}

    async def below(state: State, ctx: Context[Any]) -> State:
        out = await ctx.call(inner, {})
        return {"text": out["text"]}

    async def silent(state: State) -> State:
        await asyncio.sleep(5)
        return {}

    inner = StateGraph(State, name="inner").add_node(lively).add_edge(START, "lively").compile(schedule=schedule)
    for node in (lively, below):
        graph = StateGraph(State).add_node(node, idle_timeout=0.6, timeout=30).add_edge(START, node.__name__)
        assert (await graph.compile(schedule=schedule).run({})).output == {"text": "alive"}
    graph = StateGraph(State).add_node(silent, idle_timeout=0.05).add_edge(START, "silent")
    with pytest.raises(NodeTimeout, match=r"no sign of life for 0\.05 s"):
        await graph.compile(schedule=schedule).run({})
    graph = StateGraph(State).add_node(lively, idle_timeout=0.1, timeout=0.05).add_edge(START, "lively")
    with pytest.raises(NodeTimeout, match=r"longer than 0\.05 s"):
        await graph.compile(schedule=schedule).run({})


@pytest.mark.parametrize("schedule", SCHEDULES)
async def test_a_cache_by_input_or_by_key_for_a_time(schedule: Any) -> None:
    calls: list[int] = []

    def work(state: State) -> State:
        calls.append(state["n"])
        return {"text": str(state["n"])}

    lasting, brief = (
        StateGraph(State)
        .add_node("work", work, cache=Cache(ttl=ttl))
        .add_edge(START, "work")
        .compile(schedule=schedule)
        for ttl in (60, 0.01)
    )
    for n in (1, 1, 2):
        assert (await lasting.run({"n": n})).output == {"n": n, "text": str(n)}
    assert calls == [1, 2]
    await brief.run({"n": 3})
    await asyncio.sleep(0.02)
    await brief.run({"n": 3})
    assert calls == [1, 2, 3, 3]
    keyed = (
        StateGraph(State)
        .add_node("work", work, cache=Cache(lambda state, payload: "all"))
        .add_edge(START, "work")
        .compile()
    )
    assert [(await keyed.run({"n": n})).output["text"] for n in (7, 8)] == ["7", "7"]


@pytest.mark.parametrize("schedule", SCHEDULES)
async def test_fallbacks_and_error_functions(schedule: Any) -> None:
    def bad(state: State) -> State:
        raise ValueError("no")

    def run(**options: Any) -> Any:
        graph = StateGraph(State).add_node("bad", bad, **options).add_node(says("next")).add_node(says("other"))
        graph.add_edge("bad", "next").add_edge(START, "bad").add_conditional_edges("next", lambda state: END)
        return graph.compile(schedule=schedule).run({})

    def told(state: State, failure: Failure) -> State:
        return {"log": [f"{failure.code}: {failure.message}"]}

    assert (await run(fallback=says("instead"))).output == {"log": ["instead", "next"]}
    assert (await run(fallback="other")).output == {"log": ["other"]}
    assert (await run(on_error=told)).output == {"log": ["bug: ValueError: no", "next"]}
    assert (await run(fallback=bad, on_error="other")).output == {"log": ["other"]}
    with pytest.raises(ValueError, match="no"):
        await run(fallback=bad)


async def test_a_circuit_breaker_says_until_when() -> None:
    calls: list[int] = []

    def bad(state: State) -> State:
        calls.append(1)
        if len(calls) < 4:
            raise OSError("down")
        return {"text": "up"}

    now = [0.0]
    breaker = Breaker(failures=2, seconds=10, clock=lambda: now[0])
    graph = StateGraph(State).add_node("bad", bad, breaker=breaker).add_edge(START, "bad").compile()
    for _ in range(2):
        with pytest.raises(OSError, match="down"):
            await graph.run({})
    with pytest.raises(CircuitOpen, match=r"node 'bad': it failed 2 times in a row .* until \d\d:\d\d:\d\d"):
        await graph.run({})
    assert len(calls) == 2
    now[0] += 11
    with pytest.raises(OSError, match="down"):
        await graph.run({})
    with pytest.raises(CircuitOpen):
        await graph.run({})
    now[0] += 11
    assert (await graph.run({})).output == {"text": "up"}
    assert not breaker.opened


@pytest.mark.parametrize("schedule", SCHEDULES)
async def test_at_most_so_many_at_once(schedule: Any) -> None:
    now = most = 0

    async def work(number: int) -> State:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1
        return {"log": [str(number)]}

    graph = StateGraph(State).add_node("work", work)
    graph.add_conditional_edges(START, lambda state: [Send("work", i) for i in range(20)], ["work"])
    output = (await graph.compile(schedule=schedule, max_concurrency=3).run({})).output
    assert sorted(map(int, output["log"])) == list(range(20))
    assert most == 3


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_a_plain_function_is_given_up_when_its_time_is_over(schedule: Any) -> None:
    class Time(TypedDict, total=False):
        who: str
        asked: str

    def blocks(state: Time) -> Time:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            time.sleep(0.01)
        return {"who": "late"}

    def reports(state: Time, ctx: Context[Any]) -> Time:
        for number in range(5):
            time.sleep(0.3)
            ctx.emit(Custom("beat", number))
        return {"who": threading.current_thread().name}

    def keyword(state: Time, *, ctx: Context[Any]) -> Time:
        return {"asked": interrupt("who?", expires=0, default="nobody")}

    graph = StateGraph(Time, name="g").add_node("blocks", blocks, timeout=0.1).add_edge(START, "blocks")
    began = time.monotonic()
    with pytest.raises(NodeTimeout):
        await graph.compile(schedule=schedule).run({})
    assert time.monotonic() - began < 4
    graph = StateGraph(Time, name="g").add_node("reports", reports, idle_timeout=1.2).add_edge(START, "reports")
    assert (await graph.compile(schedule=schedule).run({})).output["who"] == "weft-tool"
    graph = StateGraph(Time, name="g").add_node("keyword", keyword, timeout=5).add_edge(START, "keyword")
    paused = await graph.compile(schedule=schedule).run({})
    assert [question.payload for question in paused.questions] == ["who?"]
