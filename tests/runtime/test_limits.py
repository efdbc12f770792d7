"""Limits: a run that reaches one pauses with its best answer so far, and goes on once there is more."""

import asyncio
from typing import Any, TypedDict

import pytest

from weft import END, START, Agent, Context, Limits, StateGraph, step, workflow
from weft.errors import UsageError
from weft.events import LimitReached, RunPaused, RunResumed
from weft.messages import Message, Text, Usage
from weft.models.base import Answer, Request
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope

ME = Scope("default", "local")
ONE = Limits(turns=1)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def thinking(number: int) -> Answer:
    """Words, a tool call, and a price."""
    parts = (Text(f"thought {number}"), call("add", a=number, b=1))
    return Answer(
        message=Message(role="assistant", parts=parts),
        usage=Usage(requests=1, input_tokens=60, output_tokens=40, cost=0.25),
        finish="tool_calls",
    )


def thinker(turns: int = 3, **options: Any) -> Agent[Any]:
    lines = [*[thinking(number) for number in range(1, turns + 1)], "done"]
    return Agent("a", model=Scripted(lines, order="turn"), tools=[add], **options)


CASES = [
    (Limits(turns=2), "turns", "thought 2", 2),
    (Limits(tokens=150), "tokens", "thought 2", 2),
    (Limits(usd=0.25), "usd", "thought 1", 1),
    (Limits(tool_calls=1), "tool_calls", "thought 2", 2),
    (Limits(recursion=3), "recursion", "thought 2", 2),
]


@pytest.mark.parametrize(("limits", "name", "best", "turns"), CASES, ids=lambda case: str(case)[:40])
@pytest.mark.parametrize("where", ["agent", "run"])
async def test_in_memory(limits: Limits, name: str, best: str, turns: int, where: str) -> None:
    agent = thinker(limits=limits) if where == "agent" else thinker()
    result = await agent.run("x", limits=limits if where == "run" else None)
    assert (result.status, result.output) == ("paused", best)
    assert result.stop is not None
    assert (result.stop.code, result.stop.limit, result.usage.requests) == ("limit", name, turns)
    seen = [e.event async for e in thinker().stream("x", limits=limits)]
    assert isinstance(seen[-2], LimitReached)
    assert (seen[-2].limit, seen[-1]) == (name, RunPaused((), "limit"))


@pytest.mark.parametrize(("limits", "name", "best", "turns"), CASES, ids=lambda case: str(case)[:40])
async def test_on_a_store_it_goes_on_with_higher_limits(
    apps: Any, limits: Limits, name: str, best: str, turns: int
) -> None:
    agent = thinker()
    paused = await apps(agent).run("a", "x", thread="t1", limits=limits)
    assert (paused.status, paused.output, paused.stop.limit) == ("paused", best, name)
    app = apps(agent)
    await app.open()
    record = await app.store.runs.get(ME, paused.run_id)
    assert (record.status, record.output) == ("paused", f'"{best}"'.encode())
    assert record.error.startswith("limit: ")
    if name != "recursion":  # steps are counted anew
        still = await app.resume(paused.run_id, {})
        assert (still.status, still.output, still.stop.limit) == ("paused", best, name)
        assert still.usage.requests == turns
    result = await app.resume(paused.run_id, {}, limits=Limits())
    assert (result.status, result.output, result.usage.requests) == ("finished", "done", 4)
    record = await app.store.runs.get(ME, paused.run_id)
    assert (record.status, record.error) == ("finished", None)
    said = [message.text for _, message in await app.messages(ME, "t1") if message.role == "tool" or message.text]
    assert said.count("thought 2") == 1
    why = [e.event.reason for e in await app.events(ME, paused.run_id) if isinstance(e.event, RunResumed)]
    assert why == ["answered"] * (1 if name == "recursion" else 2)


async def test_limits_of_the_agent_give_way_to_those_that_somebody_raised(apps: Any) -> None:
    app = apps(agent := thinker(limits=ONE))
    paused = await app.run(agent, "x", limits=Limits(turns=100))
    assert paused.stop.limit == "turns"
    assert (await app.resume(paused.run_id, {}, limits=Limits(turns=2))).stop.limit == "turns"
    assert (await app.resume(paused.run_id, {}, limits=Limits(turns=100))).output == "done"


@pytest.mark.parametrize("grouped", [False, True])
async def test_nested_calls_count_into_the_runs_limits(apps: Any, grouped: bool) -> None:
    inner = thinker()

    async def outer(state: Any, ctx: Context) -> Any:
        if not grouped:
            return {"said": [await ctx.call(inner, "x")]}
        async with asyncio.TaskGroup() as group:
            said = group.create_task(ctx.call(inner, "x"))
        return {"said": [said.result()]}

    class Said(TypedDict, total=False):
        said: list[str]
        n: int

    graph = StateGraph(Said).add_node("outer", outer).add_edge(START, "outer").compile(limits=Limits(recursion=10))
    app = apps(graph)
    paused = await app.run(graph, {"n": 1}, limits=Limits(tokens=250))
    assert (paused.status, paused.output, paused.stop.limit) == ("paused", {"n": 1}, "tokens")
    assert paused.usage.total_tokens == 300
    result = await app.resume(paused.run_id, {}, limits=Limits(tokens=1000))
    assert result.output == {"n": 1, "said": ["done"]}
    assert result.usage.requests == 4


async def test_a_command_to_a_run_that_rests_leaves_the_reason(apps: Any) -> None:
    class Count(TypedDict, total=False):
        n: int

    def more(state: Any) -> Any:
        return {"n": state["n"] + 1}

    graph = StateGraph(Count).add_node(more).add_edge(START, "more").add_edge("more", "more")
    app = apps(looping := graph.compile(limits=Limits(recursion=3)))
    paused = await app.run(looping, {"n": 0})
    await (await app.control(paused.run_id)).modify({"n": 40})
    reasons = [one.event.reason for one in await app.events(ME, paused.run_id) if isinstance(one.event, RunPaused)]
    assert reasons == ["limit", "limit"]
    assert (await app.store.runs.get(ME, paused.run_id)).status == "paused"


async def test_parallel_tools_up_to_the_limit_are_run_and_kept(apps: Any) -> None:
    ran: list[int] = []

    def note(n: int) -> str:
        """Note a number."""
        ran.append(n)
        return f"noted {n}"

    agent = Agent("a", model=Scripted([[call("note", n=n) for n in range(5)], "all"], order="turn"), tools=[note])
    app = apps(agent)
    paused = await app.run(agent, "x", limits=Limits(tool_calls=3))
    assert (paused.status, paused.output, len(ran)) == ("paused", None, 3)
    assert (await app.resume(paused.run_id, {}, limits=Limits(tool_calls=5))).output == "all"
    assert sorted(ran) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "wrong", [{"turns": -1}, {"tokens": "many"}, {"turns": 1.5}, {"usd": float("nan")}, {"seconds": True}]
)
def test_a_limit_is_a_number(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is a number, not less than 0"):
        Limits(**wrong)


async def test_only_the_time_that_it_is_driven_counts(apps: Any) -> None:
    async def slow(ctx: Context) -> str:
        """Take a while."""
        await asyncio.sleep(naps.pop(0))
        return "rested"

    naps = [0.3, 30.0, 0.0]
    lines = [[call("slow")], [call("slow")], "awake"]
    app = apps(agent := Agent("a", model=Scripted(lines, order="turn"), tools=[slow]))
    paused = await app.run(agent, "x", limits=Limits(seconds=1.0))
    assert (paused.status, paused.stop.limit, naps) == ("paused", "seconds", [0.0])
    await asyncio.sleep(0.5)
    result = await app.resume(paused.run_id, {}, limits=Limits(seconds=1.6))  # 0.6 s are left, though 1.5 s have passed
    assert result.output == "awake"
    naps = [0.3, 0.9, 30.0]
    paused = await app.run(agent, "x", limits=Limits(seconds=0.2))
    naps = [0.3, 0.9, 30.0]
    paused = await app.resume(paused.run_id, {}, limits=Limits(seconds=1.0))
    assert (paused.status, naps) == ("paused", [30.0])


async def test_a_loop_in_a_graph_pauses_with_its_state(apps: Any) -> None:
    class Count(TypedDict):
        n: int

    async def more(state: Any) -> Any:
        return {"n": state["n"] + 1}

    builder = StateGraph(Count).add_node("more", more).add_edge(START, "more")
    builder.add_conditional_edges("more", lambda state: "more" if state["n"] < 30 else END)
    for schedule in ("superstep", "eager"):
        graph = builder.compile(limits=Limits(recursion=10), schedule=schedule, name=schedule)
        paused = await graph.run({"n": 0})
        assert (paused.status, paused.stop.limit) == ("paused", "recursion")
        app = apps(graph)
        result = await app.run(graph, {"n": 0})
        outputs = [result.output["n"]]
        while result.paused:
            result = await app.resume(result.run_id, {})
            outputs.append(result.output["n"])
        assert outputs == [10, 20, 30]


async def test_a_run_that_waits_for_a_person_has_no_output(apps: Any) -> None:
    def ask(ctx: Context) -> str:
        """Ask."""
        return ctx.ask("well?")

    app = apps(agent := Agent("a", model=Scripted([[call("ask")], "ok"], order="turn"), tools=[ask]))
    paused = await app.run(agent, "x")
    assert paused.stop is None
    with pytest.raises(UsageError, match="waits for"):
        _ = paused.output


async def test_the_usage_of_a_run_survives_its_process(apps: Any) -> None:
    """The run's own row has the usage only at rest; after a crash its events tell."""
    holding, release = asyncio.Event(), asyncio.Event()

    def slowly(request: Request) -> Any:
        return "done"

    async def hold(ctx: Context) -> str:
        """Hold."""
        holding.set()
        await release.wait()
        return "held"

    first = Answer(message=Message(role="assistant", parts=(call("hold"),)), usage=Usage(requests=1, input_tokens=90))
    app = apps(agent := Agent("a", model=Scripted([first, slowly], order="turn"), tools=[hold]), lease=5)
    going = asyncio.create_task(app.run(agent, "x"))
    await holding.wait()
    (run_id,) = app.runner.worker.driver.driven
    await app.store.runs.requeue(run_id, 1, None, worker=app.runner.worker.id)  # as though it had died
    release.set()
    await asyncio.gather(going, return_exceptions=True)
    record = await app.store.runs.get(ME, run_id)
    result = await app.runner.drive(agent, record)
    assert (result.status, result.usage.input_tokens, result.usage.requests) == ("finished", 91, 2)


@pytest.mark.parametrize("grouped", [False, True])
async def test_a_workflow_that_a_limit_stops_goes_on(apps: Any, grouped: bool) -> None:
    inner, ran = thinker(), list[str]()

    def note(word: str) -> str:
        ran.append(word)
        return word

    @workflow
    async def flow(ctx: Context, word: str) -> str:
        await step(ctx, note, word)
        if not grouped:
            return await ctx.call(inner, word)
        said = await asyncio.gather(ctx.call(inner, word), step(ctx, note, "beside"))
        return " ".join(said)

    in_memory = await flow.run("x", limits=Limits(turns=2))
    assert (in_memory.status, in_memory.stop.limit, in_memory.output) == ("paused", "turns", "thought 2")
    app, ran[:] = apps(flow), []
    paused = await app.run(flow, "x", limits=Limits(turns=2))
    assert (paused.status, paused.stop.limit, paused.output) == ("paused", "turns", "thought 2")
    result = await apps(flow).resume(paused.run_id, {}, limits=Limits(turns=9))
    assert (result.output, ran) == (("done beside", ["x", "beside"]) if grouped else ("done", ["x"]))
    assert result.usage.requests == 4
