"""Runs that people steer, on both databases: pause, step, breakpoints, words in between."""

import asyncio
import time
from typing import Any

import pytest

from tests.plugins.leaks import waited
from tests.runtime.gates import ALL, ME, Gates, chain, of, page, told, until
from weft import Agent, Breakpoint, Context, tool
from weft.errors import Conflict, GraphError, NotFound, UsageError
from weft.events import RunPaused, RunResumed, RunSteered
from weft.models.base import Request
from weft.models.scripted import Scripted, call


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_paused_at_the_next_edge_and_resumed_from_another_process(apps: Any, schedule: Any) -> None:
    gates = Gates("b")
    app = apps(walk := chain(gates, "a", "b", "c", schedule=schedule))
    await app.start()
    other = apps(walk)
    record = await app.submit("walk", {"seen": [], "n": 0}, scope=ME)
    await gates.at("b")
    control = await other.control(record.id, by="ada")
    began, busy = time.monotonic(), waited()
    await control.pause()
    while app.runner.worker.driver.driven[record.id].steering.seen == 0:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    assert time.monotonic() - began - (waited() - busy) < 1
    with pytest.raises(Conflict, match="pause it first"):
        await control.modify({"n": 7})
    gates.open["b"].set()
    await until(app, record.id, "paused")
    assert gates.came == ["a", "b"]
    with pytest.raises(Conflict, match="paused already"):
        await control.pause()
    await control.resume()
    await until(app, record.id, "finished")
    assert gates.came == ["a", "b", "c"]
    events = await told(app, record.id)
    assert [(one.command, one.by, one.number) for one in of(RunSteered, events)] == [
        ("pause", "ada", 1),
        ("resume", "ada", 2),
    ]
    assert [(one.reason, one.questions) for one in of(RunPaused, events)] == [("asked", ())]
    assert [one.reason for one in of(RunResumed, events)] == ["asked"]
    with pytest.raises(Conflict, match="finished"):
        await control.pause()
    with pytest.raises(NotFound):
        await (await other.control("run_nope")).pause()


async def test_step_by_step_here_and_now(apps: Any) -> None:
    gates = Gates()
    app = apps(walk := chain(gates, *"abcdef"))
    result = await app.run(walk, {"seen": [], "n": 0}, breakpoints=[Breakpoint(node="a")])
    assert (result.status, gates.came) == ("paused", [])
    with pytest.raises(UsageError, match="somebody to resume it"):
        _ = result.output
    result = await app.resume(result.run_id, steps=1)
    assert (result.status, gates.came) == ("paused", ["a"])
    result = await app.resume(result.run_id, steps=3)
    assert (result.status, gates.came) == ("paused", ["a", "b", "c", "d"])
    result = await app.resume(result.run_id, steps=2)
    assert (result.status, gates.came) == ("finished", list("abcdef"))
    assert result.output["n"] == 6
    assert [one.reason for one in of(RunPaused, await told(app, result.run_id))] == ["breakpoint", "asked", "asked"]
    with pytest.raises(UsageError, match="one step or more"):
        await (await app.control(result.run_id)).step(0)


@pytest.mark.parametrize(
    ("point", "stops"),
    [
        (Breakpoint(node="c"), [["a", "b"]]),
        (Breakpoint(node="c", after=True), [["a", "b", "c"]]),
        (Breakpoint(node="d", after=True), [["a", "b", "c", "d"]]),
        (Breakpoint(when="n >= 2"), [["a", "b"]]),
        (Breakpoint(when="seen[0]"), [["a"]]),
        (Breakpoint(node="c", when="n > 100"), []),
        (Breakpoint(node="c", graph="another"), []),
        (Breakpoint(when="nowhere.x == 1"), []),
    ],
)
@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_breakpoints(apps: Any, point: Breakpoint, stops: list[list[str]], schedule: Any) -> None:
    gates = Gates()
    app = apps(walk := chain(gates, "a", "b", "c", "d", schedule=schedule))
    result = await app.run(walk, {"seen": [], "n": 0}, breakpoints=[point])
    stopped: list[list[str]] = []
    while result.paused:
        stopped.append(list(gates.came))
        assert await (await app.control(result.run_id)).breakpoints() == (point,)
        result = await app.resume(result.run_id)
    assert stopped == stops
    assert gates.came == ["a", "b", "c", "d"]
    assert result.output["n"] == 4


@pytest.mark.parametrize("point", [{}, {"node": "a", "tool": "b"}, {"when": "n is 3"}, {"when": "n == three"},
                                   {"when": "a..b"}, {"tool": "a", "after": True}])  # fmt: skip
async def test_a_breakpoint_that_can_hold_nothing_is_refused(apps: Any, point: dict[str, Any]) -> None:
    app = apps(walk := chain(Gates(), "a"))
    with pytest.raises(UsageError):
        await app.run(walk, {"seen": [], "n": 0}, breakpoints=[Breakpoint(**point)])


async def test_a_nested_agent_obeys_and_a_tool_has_a_breakpoint(apps: Any) -> None:
    did: list[str] = []

    async def act(name: str) -> str:
        """Do it."""
        did.append(name)
        return name

    below = Agent("below", model=Scripted([call("act", name="below"), "b done"], order="turn"), tools=[act])

    @tool
    async def delegate(ctx: Context[Any]) -> str:
        """Let another do it."""
        return await ctx.call(below, "go")

    above = Agent("above", model=Scripted([[call("delegate"), call("act", name="above")], "a done"], order="turn"),
                  tools=[delegate, act])  # fmt: skip
    app = apps(above)
    point = Breakpoint(tool="act", graph="below")
    result = await app.run(above, "go", thread="t", breakpoints=[point])
    assert (result.status, did) == ("paused", ["above"])
    result = await app.resume(result.run_id, steps=1)
    assert (result.status, did) == ("paused", ["above", "below"])
    result = await app.resume(result.run_id)
    assert (result.output, did) == ("a done", ["above", "below"])
    roles = [message.role for _, message in await app.messages(ALL, "t")]
    assert roles == ["user", "assistant", "tool", "tool", "assistant"]


async def test_words_in_between_are_seen_by_the_next_model_call(apps: Any) -> None:
    reached, gate = asyncio.Event(), asyncio.Event()

    async def work() -> str:
        """Work a while."""
        reached.set()
        await gate.wait()
        return "worked"

    def heard(request: Request) -> str:
        return " | ".join(message.text for message in request.messages if message.role == "user")

    agent = Agent("a", model=Scripted([call("work"), heard]), tools=[work])
    app, other = apps(agent), apps(agent)
    await app.start()
    record = await app.submit("a", "go", scope=ME, thread="t")
    await asyncio.wait_for(reached.wait(), 10)
    sent = await (await other.control(record.id, by="ada")).inject("in English, please")
    while app.runner.worker.driver.driven[record.id].steering.seen < sent.number:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    gate.set()
    await until(app, record.id, "finished")
    messages = [message for _, message in await app.messages(ALL, "t")]
    assert [message.role for message in messages] == ["user", "assistant", "tool", "user", "assistant"]
    assert messages[-1].text == "go | in English, please"
    (steered,) = of(RunSteered, await told(app, record.id))
    assert (steered.command, steered.by, steered.detail) == ("inject", "ada", {"input": "in English, please"})


async def test_words_during_the_last_answer_are_answered_too(apps: Any) -> None:
    reached, gate = asyncio.Event(), asyncio.Event()

    class Slow:
        name = "slow"

        def __init__(self) -> None:
            self.inner = Scripted(["one", lambda request: request.messages[-1].text.upper()])

        async def answer(self, request: Request) -> Any:
            if not reached.is_set():
                reached.set()
                await gate.wait()
            async for piece in self.inner.answer(request):
                yield piece

    agent = Agent("a", model=Slow())
    app = apps(agent)
    await app.start()
    record = await app.submit("a", "go", scope=ME, thread="t")
    await asyncio.wait_for(reached.wait(), 10)
    await (await app.control(record.id)).inject("and this?")
    await asyncio.sleep(0.1)
    gate.set()
    await until(app, record.id, "finished")
    texts = [message.text for _, message in await app.messages(ALL, "t")]
    assert texts == ["go", "one", "and this?", "AND THIS?"]


async def test_words_that_come_too_late_or_may_wait_become_a_run_of_their_own(apps: Any) -> None:
    gates = Gates("a")
    app = apps(walk := chain(gates, "a"))
    await app.start()
    record = await app.submit("walk", {"seen": [], "n": 0}, scope=ME, thread="t")
    await gates.at("a")
    control = await apps(walk).control(record.id)
    late = await control.inject({"seen": ["idle"], "n": 10}, when="idle")
    assert late.run.id != record.id
    gates.open["a"].set()
    await until(app, record.id, "finished")
    assert (await until(app, late.run.id, "finished")).thread_id == "t"


async def test_late_words_are_followed_up_once(apps: Any) -> None:
    """They are in the inbox of a run that ends before it looks."""
    agent = Agent("a", model=Scripted(["one", "two"]))
    app = apps(agent)
    result = await app.run(agent, "go", thread="t")
    from weft.runtime.commands import Inject, dump_command  # noqa: PLC0415

    new = dump_command(Inject(input="late"), "ada")
    await app.store.inbox.send(ALL, result.run_id, new, lambda *_: None, None)
    other = apps(agent)
    await app.start()
    await other.start()
    async with asyncio.timeout(10):
        while len(found := await app.store.runs.list(ALL, page())) < 2 or found[0].status != "finished":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.4)
    assert len(await app.store.runs.list(ALL, page())) == 2
    texts = [message.text for _, message in await app.messages(ALL, "t")]
    assert texts == ["go", "one", "late", "two"]


async def test_what_can_never_be_done_is_refused_to_whoever_says_it(apps: Any) -> None:
    app = apps(walk := chain(Gates(), "a", "b"))
    wrong: Any = "b"
    with pytest.raises(UsageError, match=r"a Breakpoint\(node=...\), not 'b'"):
        await app.run(walk, {"seen": [], "n": 0}, breakpoints=[wrong])
    result = await app.run(walk, {"seen": [], "n": 0}, breakpoints=[Breakpoint(node="a")])
    control = await app.control(result.run_id)
    with pytest.raises(UsageError, match="'now' or when 'idle', not 'b'"):
        await control.inject("x", when=wrong)
    with pytest.raises(UsageError, match="a dict of channels, not as 'b'"):
        await control.modify(wrong)
    with pytest.raises(GraphError, match="no node 'x'; it has: a, b"):
        await control.rerun("x")
    with pytest.raises(Conflict, match="node 'b' has not run"):
        await control.rerun("b")
    assert [one.command for one in of(RunSteered, await told(app, result.run_id))] == ["breakpoints", "rerun"]
    assert (await app.resume(result.run_id)).output["n"] == 2
