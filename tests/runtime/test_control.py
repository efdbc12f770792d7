"""Runs that people steer, on both databases: pause, step, breakpoints, words in between, state, abort, busy threads."""

import asyncio
import operator
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, TypedDict

import pytest

from weft import START, Agent, App, Breakpoint, Context, StateGraph, tool
from weft.errors import Conflict, GraphError, NotFound, SchemaMismatch, UsageError
from weft.events import RunCancelled, RunPaused, RunResumed, RunSteered, StepCommitted
from weft.models.base import Request
from weft.models.scripted import Scripted, call
from weft.storage.base import RunRecord, Scope

ME = Scope("default", "local")
ALL = Scope("default")


class Walk(TypedDict):
    seen: Annotated[list[str], operator.add]
    n: int


class Gates:
    """Nodes wait at their gate until it opens; who came by is kept."""

    def __init__(self, *shut: str) -> None:
        self.came: list[str] = []
        self.open = {name: asyncio.Event() for name in shut}

    def node(self, name: str) -> Callable[..., Any]:
        async def run(state: Walk) -> dict[str, Any]:
            self.came.append(name)
            if name in self.open:
                await self.open[name].wait()
            return {"seen": [name], "n": state["n"] + 1}

        return run

    async def at(self, name: str) -> None:
        async with asyncio.timeout(10):
            while name not in self.came:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


def chain(gates: Gates, *names: str, schedule: Any = "superstep", name: str = "walk") -> Any:
    graph = StateGraph(Walk, name=name)
    for one in names:
        graph.add_node(one, gates.node(one))
    for before, after in zip((START, *names), names, strict=False):
        graph.add_edge(before, after)
    return graph.compile(schedule=schedule)


@pytest.fixture
async def apps(shared_url: str) -> AsyncIterator[Any]:
    """Makes apps on one database, each with a store of its own as in another process."""
    made: list[App] = []

    def make(*targets: Any, **options: Any) -> App:
        made.append(App(targets=targets, store=shared_url, **options))
        return made[-1]

    yield make
    for app in made:
        await app.close()


async def until(app: App, run_id: str, *statuses: str) -> RunRecord:
    async with asyncio.timeout(10):
        while (record := await app.store.runs.get(ALL, run_id)).status not in statuses:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return record


async def told(app: App, run_id: str) -> list[Any]:
    seen = await app.events(ALL, run_id)
    assert [envelope.seq for envelope in seen] == list(range(1, len(seen) + 1))
    return [envelope.event for envelope in seen]


def of(kind: type, events: list[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_paused_at_the_next_edge_and_resumed_from_another_process(apps: Any, schedule: Any) -> None:
    gates = Gates("b")
    app = apps(walk := chain(gates, "a", "b", "c", schedule=schedule))
    await app.start()
    other = apps(walk)
    record = await app.submit("walk", {"seen": [], "n": 0}, scope=ME)
    await gates.at("b")
    control = await other.control(record.id, by="ada")
    began = time.monotonic()
    await control.pause()
    while app.runner.worker.driver.driven[record.id].steering.seen == 0:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    assert time.monotonic() - began < 1
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
        while len(found := await app.store.runs.list(ALL, _page())) < 2 or found[0].status != "finished":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.4)
    assert len(await app.store.runs.list(ALL, _page())) == 2
    texts = [message.text for _, message in await app.messages(ALL, "t")]
    assert texts == ["go", "one", "late", "two"]


def _page() -> Any:
    from weft.storage.base import Page  # noqa: PLC0415

    return Page(limit=10)


async def test_the_state_of_a_paused_run_is_changed_by_the_rules_of_its_channels(apps: Any) -> None:
    class Guarded(TypedDict):
        seen: Annotated[list[str], operator.add]
        n: int

    async def a(state: Guarded) -> dict[str, Any]:
        return {"n": 1, "seen": ["a"]}

    async def b(state: Guarded) -> dict[str, Any]:
        return {"seen": [f"n is {state['n']}"]}

    graph = StateGraph(Guarded, name="g").add_node("a", a).add_node("b", b)
    graph.add_edge(START, "a").add_edge("a", "b")
    app = apps(g := graph.compile())
    result = await app.run(g, {"seen": []}, breakpoints=[Breakpoint(node="b")])
    control = await app.control(result.run_id, by="ada")
    with pytest.raises(GraphError, match="no channel 'm'"):
        await control.modify({"m": 1})
    with pytest.raises(SchemaMismatch):
        await control.modify({"n": "many"})
    with pytest.raises(GraphError, match="no node"):
        await control.modify({"n": 1}, node="z")
    sent = await control.modify({"n": 5, "seen": ["by hand"]}, node="a")
    assert sent.run.status == "paused"
    events = await told(app, result.run_id)
    (steered,) = of(RunSteered, events)[1:]
    assert (steered.command, steered.by, steered.refused) == ("state", "ada", None)
    assert of(StepCommitted, events)[-1].changed == ("n", "seen")
    assert of(RunResumed, events) == []
    assert isinstance(events[-1], RunPaused)
    result = await app.resume(result.run_id)
    assert result.output["seen"] == ["a", "by hand", "n is 5"]


async def test_a_change_of_state_keeps_what_is_done_of_an_open_step(apps: Any) -> None:
    came: list[str] = []

    async def quick(state: Walk) -> dict[str, Any]:
        came.append("quick")
        return {"seen": ["quick"]}

    async def asks(state: Walk, ctx: Context[Any]) -> dict[str, Any]:
        return {"seen": [ctx.ask("which?")]}

    graph = StateGraph(Walk, name="g").add_node("quick", quick).add_node("asks", asks)
    graph.add_edge(START, "quick").add_edge(START, "asks")
    app = apps(g := graph.compile())
    result = await app.run(g, {"seen": [], "n": 0})
    (question,) = result.questions
    control = await app.control(result.run_id)
    with pytest.raises(Conflict, match="waits for answers"):
        await control.resume()
    await control.modify({"n": 3})
    record = await app.store.runs.get(ALL, result.run_id)
    assert record.status == "paused"
    paused = of(RunPaused, await told(app, result.run_id))
    assert [one.questions[0].id for one in paused] == [question.id] * 2
    result = await app.resume(result.run_id, {question.id: "this"})
    assert came == ["quick"]
    assert (result.output["seen"], result.output["n"]) == (["this", "quick"], 3)  # by the names of the nodes


@pytest.mark.parametrize("how", ["node", "thread", "model", "nested"])
async def test_abort_stops_all_below_within_a_second_from_another_process(apps: Any, how: str) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def forever() -> str:
        """Never ends."""
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()
        return ""

    def blocks(ctx: Context[Any]) -> str:
        """Never ends, in a thread."""
        loop.call_soon_threadsafe(began.set)
        try:
            while True:
                time.sleep(0.01)
        finally:
            loop.call_soon_threadsafe(ended.set)

    loop = asyncio.get_running_loop()
    inner = Agent("inner", model=Scripted([call("forever")], order="turn"), tools=[forever])

    async def nest(ctx: Context[Any]) -> str:
        """Calls another."""
        return await ctx.call(inner, "go")

    class Streams:
        name = "streams"

        async def answer(self, request: Request) -> Any:
            began.set()
            try:
                await asyncio.sleep(3600)
                yield None
            finally:
                ended.set()

    agents = {
        "node": Agent("a", model=Scripted([call("forever")], order="turn"), tools=[forever]),
        "thread": Agent("a", model=Scripted([call("blocks")], order="turn"), tools=[blocks]),
        "model": Agent("a", model=Streams()),
        "nested": Agent("a", model=Scripted([call("nest")], order="turn"), tools=[nest]),
    }
    app, other = apps(agents[how]), apps(agents[how])
    await app.start()
    record = await app.submit("a", "go", scope=ME)
    await asyncio.wait_for(began.wait(), 10)
    at = time.monotonic()
    sent = await (await other.control(record.id, by="ada")).abort("enough")
    assert sent.run.status == "cancelled"
    while record.id in app.runner.worker.driver.driven:  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    await asyncio.wait_for(ended.wait(), 1)
    took = time.monotonic() - at
    print(f"{how}: {took * 1000:.0f} ms")
    assert took < 1
    assert of(RunCancelled, await told(app, record.id)) == [RunCancelled("enough", "ada")]


async def test_code_that_swallows_its_cancellation_does_not_hold_up_the_abort(apps: Any) -> None:
    began, gate = asyncio.Event(), asyncio.Event()

    async def stubborn() -> str:
        """Will not be stopped."""
        began.set()
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    agent = Agent("a", model=Scripted([call("stubborn"), "done"], order="turn"), tools=[stubborn])
    app = apps(agent)
    await app.start()
    record = await app.submit("a", "go", scope=ME)
    await asyncio.wait_for(began.wait(), 10)
    await (await app.control(record.id)).abort()
    gate.set()
    assert (await app.store.runs.get(ALL, record.id)).status == "cancelled"
    async with asyncio.timeout(5):
        while record.id in app.runner.worker.driver.driven:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await app.store.runs.get(ALL, record.id)).status == "cancelled"


# A second run on a busy thread.


async def busy(apps: Any, **options: Any) -> tuple[App, App, Gates, RunRecord]:
    gates = Gates("b")
    app, other = apps(walk := chain(gates, "a", "b"), **options), apps(walk, **options)
    await app.start()
    first = await app.submit("walk", {"seen": [], "n": 0}, scope=ME, thread="t")
    await gates.at("b")
    return app, other, gates, first


async def test_a_busy_thread_refuses(apps: Any) -> None:
    app, other, gates, first = await busy(apps, if_busy={"walk": "reject"})
    for where in (app, other):
        with pytest.raises(Conflict, match=first.id):
            await where.run("walk", {"n": 5}, thread="t")
        with pytest.raises(Conflict):
            await where.submit("walk", {"n": 5}, scope=ME, thread="t")
    assert len(await app.store.runs.list(ALL, _page())) == 1
    later = await other.submit("walk", {"n": 5}, scope=ME, thread="t", if_busy="enqueue")
    gates.open["b"].set()
    await until(app, later.id, "finished")
    await app.run("walk", {"n": 5}, thread="t")


async def test_runs_of_a_thread_begin_in_the_order_in_which_they_came(apps: Any) -> None:
    app, other, gates, first = await busy(apps)
    runs: list[Any] = []
    for n in range(6):
        where = (app, other)[n % 2]
        if n % 3 == 0:
            runs.append((await where.submit("walk", {"n": n}, scope=ME, thread="t")).id)
        else:
            waits = asyncio.create_task(where.run("walk", {"n": n}, thread="t"))
            while len(found := await app.store.runs.list(ALL, _page())) < n + 2:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            runs.append(found[0].id)
            runs.append(waits)
    gates.open["b"].set()
    for one in runs:
        await (one if isinstance(one, asyncio.Task) else until(app, one, "finished"))
    ids = [one for one in runs if isinstance(one, str)]
    began = {run: (await app.events(ALL, run))[0].at for run in ids}
    assert sorted(ids, key=lambda run: began[run]) == ids
    steps = [(await app.events(ALL, run))[0].event.step for run in [first.id, *ids]]
    assert steps == sorted(steps)


async def test_a_run_that_a_person_holds_keeps_its_thread(apps: Any) -> None:
    app, _, gates, first = await busy(apps)
    control = await app.control(first.id)
    await control.pause()
    await asyncio.sleep(0.1)
    gates.open["b"].set()
    # nothing is left after b: it ends all the same
    await until(app, first.id, "finished")
    held = await app.run("walk", {"seen": [], "n": 0}, thread="t", breakpoints=[Breakpoint(node="b")])
    second = await app.submit("walk", {"n": 1}, scope=ME, thread="t")
    await asyncio.sleep(0.3)
    assert (await app.store.runs.get(ALL, second.id)).status == "queued"
    with pytest.raises(Conflict):
        await app.run("walk", {"n": 1}, thread="t", if_busy="reject")
    await (await app.control(held.run_id)).resume()
    await until(app, second.id, "finished")
    assert (await app.store.runs.get(ALL, held.run_id)).status == "finished"


async def test_interrupt_ends_what_goes_on_and_keeps_what_it_did(apps: Any) -> None:
    _, other, gates, first = await busy(apps)
    queued = await other.submit("walk", {"n": 50}, scope=ME, thread="t")
    gates.open.pop("b")
    result = await other.run("walk", {"n": 10}, thread="t", if_busy="interrupt")
    assert result.output == {"seen": ["a", "a", "b"], "n": 12}
    for run in (first, queued):
        record = await other.store.runs.get(ALL, run.id)
        assert (record.status, record.error) == ("cancelled", "cancelled: another run took its place (interrupt)")


async def test_rollback_begins_where_the_thread_was_before(apps: Any) -> None:
    gates = Gates()
    app = apps(walk := chain(gates, "a", "b"))
    assert (await app.run(walk, {"seen": ["first"], "n": 0}, thread="t")).output["n"] == 2
    held = await app.run(walk, {"seen": ["second"], "n": 70}, thread="t", breakpoints=[Breakpoint(node="b")])
    result = await app.run(walk, {"seen": ["third"], "n": 10}, thread="t", if_busy="rollback")
    assert result.output == {"seen": ["first", "a", "b", "third", "a", "b"], "n": 12}
    assert (await app.store.runs.get(ALL, held.run_id)).status == "cancelled"
    (steered,) = of(RunSteered, await told(app, result.run_id))
    assert (steered.command, steered.refused, steered.detail["runs"]) == ("rollback", None, [held.run_id])
    other = apps(walk)
    assert (await other.run(walk, {"seen": [], "n": 0}, thread="t")).output["seen"][2:5] == ["b", "third", "a"]


async def test_what_was_rolled_back_leaves_the_context_and_stays_a_row(apps: Any) -> None:
    def heard(request: Request) -> str:
        return " | ".join(message.text for message in request.messages)

    reached = asyncio.Event()

    async def work() -> str:
        """Work for ever."""
        reached.set()
        await asyncio.sleep(3600)
        return ""

    agent = Agent("a", model=Scripted(["hi", call("work"), heard, heard]), tools=[work])
    app = apps(agent)
    await app.start()
    await app.run(agent, "one", thread="t")
    undone = await app.submit("a", "two", scope=ME, thread="t")
    await asyncio.wait_for(reached.wait(), 10)
    result = await app.run(agent, "three", thread="t", if_busy="rollback")
    assert result.output == "one | hi | three"
    assert (await apps(agent).run(agent, "four", thread="t")).output.startswith("one")
    texts = [message.text for _, message in await app.messages(ALL, "t") if message.role == "user"]
    assert texts == ["one", "two", "three", "four"]
    assert "two" not in [item.message.text for item in (await app.explain(ALL, "t")).items]
    assert (await app.store.runs.get(ALL, undone.id)).status == "cancelled"


async def test_a_node_runs_again_from_before_it(apps: Any) -> None:
    gates = Gates()
    app = apps(walk := chain(gates, "a", "b", "c", "d"))
    result = await app.run(walk, {"seen": [], "n": 0}, breakpoints=[Breakpoint(node="d")])
    control = await app.control(result.run_id, by="ada")
    sent = await control.rerun("b")
    await control.settled(sent, 10)
    assert gates.came == ["a", "b", "c", "b", "c"]
    result = await app.resume(result.run_id)
    assert result.output == {"seen": ["a", "b", "c", "d"], "n": 4}
    events = await told(app, result.run_id)
    assert [one.command for one in of(RunSteered, events)] == ["breakpoints", "rerun", "resume"]
    refused = await app.run(walk, {"seen": [], "n": 0}, breakpoints=[Breakpoint(node="b")])
    control = await app.control(refused.run_id)
    sent = await control.rerun("nowhere")
    with pytest.raises(Conflict, match="no node 'nowhere'"):
        await control.settled(sent, 10)
