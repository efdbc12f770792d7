"""What happened once and was left behind: asked about before it is done a second time, on both databases."""

import operator
from typing import Annotated, Any, TypedDict

import pytest

from weft import END, START, Agent, Breakpoint, Context, Overwrite, StateGraph, Topic, tool
from weft.errors import Conflict, GraphError, NotRepeated, UsageError
from weft.events import Custom, RunStarted
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope

ALL = Scope("default")


class Order(TypedDict, total=False):
    price: int
    paid: str
    notes: Annotated[list[str], operator.add]
    tags: Annotated[list[str], Topic]


class Shop:
    """A graph whose payment must happen once."""

    def __init__(self, schedule: Any = "superstep") -> None:
        self.paid: list[int] = []
        self.quoted = 0
        graph = StateGraph(Order, name="shop").add_node("quote", self.quote)
        graph.add_node("pay", self.pay, effect="once").add_node("thank", self.thank)
        graph.add_edge(START, "quote").add_sequence("quote", "pay", "thank")
        self.graph = graph.compile(schedule=schedule)

    def quote(self, state: Order) -> Order:
        self.quoted += 1
        return {"price": 120, "notes": ["quoted"], "tags": ["q"]}

    def pay(self, state: Order) -> Order:
        self.paid.append(state["price"])
        return {"paid": f"receipt {len(self.paid)}", "notes": ["paid"]}

    def thank(self, state: Order) -> Order:
        return {"notes": ["thanked"]}


@pytest.mark.parametrize("into", [None, "other"])
@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_a_fork_that_goes_on_asks_before_an_effect_that_happened(
    apps: Any, into: str | None, schedule: Any
) -> None:
    shop = Shop(schedule)
    app = apps(shop.graph)
    first = await app.run(shop.graph, {}, thread="t")
    made = await app.fork("t", at=2, into=into, write={"price": 90})
    result = await app.go_on(made.thread_id)
    assert shop.paid == [120]
    assert result.paused
    (question,) = result.questions
    assert question.payload["question"].startswith(f"'pay' happened at step 2 of run {first.run_id}")
    assert question.payload["before"]["arguments"]["price"] == 120
    assert question.payload["arguments"]["price"] == 90
    assert result.warnings == (f"'pay' happened at step 2 of run {first.run_id}, on the line that was left",)
    told = [one.event for one in await app.events(ALL, result.run_id)]
    assert isinstance(told[0], RunStarted)
    assert [one.data for one in told if isinstance(one, Custom)] == [list(result.warnings)]
    other = apps(shop.graph)  # another process, another day
    result = await other.resume(result.run_id, {question.id: question.approve()})
    assert shop.paid == [120, 90]
    assert result.output["paid"] == "receipt 2"
    assert result.warnings
    assert sum(isinstance(one.event, Custom) for one in await app.events(ALL, result.run_id)) == 1


async def test_what_a_person_may_say_of_it(apps: Any) -> None:
    shop = Shop()
    app = apps(shop.graph)
    await app.run(shop.graph, {}, thread="t")
    await app.fork("t", at=2)
    asked = await app.go_on("t")
    (question,) = asked.questions
    result = await app.resume(asked.run_id, {question.id: question.respond({"paid": "receipt 1", "notes": ["kept"]})})
    assert (shop.paid, result.output["paid"], result.output["notes"]) == (
        [120],
        "receipt 1",
        ["quoted", "kept", "thanked"],
    )
    await app.fork("t", at=2)
    asked = await app.go_on("t")
    (question,) = asked.questions
    with pytest.raises(NotRepeated, match="not to do 'pay' again: enough"):
        await app.resume(asked.run_id, {question.id: question.reject("enough")})
    assert shop.paid == [120]
    await app.fork("t", at=2)
    assert (await app.go_on("t", confirm=True)).warnings == ()
    assert shop.paid == [120, 120]


async def test_what_another_run_left_unknown_is_asked_about_when_the_thread_goes_on(apps: Any) -> None:
    paid: list[str] = []

    def pay(state: Order) -> Order:
        paid.append("x")
        if len(paid) == 1:
            raise ConnectionError("reset after it was sent")
        return {"paid": "yes"}

    graph = StateGraph(Order, name="g").add_node(pay, effect="once").add_edge(START, "pay").compile()
    app = apps(graph)
    with pytest.raises(ConnectionError):
        await app.run(graph, {}, thread="t")
    asked = await app.go_on("t")
    assert (asked.paused, len(paid)) == (True, 1)
    (question,) = asked.questions
    assert "may have happened" in question.payload["question"]
    assert (await app.resume(asked.run_id, {question.id: True})).output["paid"] == "yes"


async def test_only_as_often_as_it_happened(apps: Any) -> None:
    sent: list[str] = []

    @tool(effect="once")
    def send(text: str) -> str:
        """Send it."""
        sent.append(text)
        return f"sent {text}"

    lines = [call("send", text="a"), call("send", text="b"), call("send", text="c"), "done"]
    agent = Agent("clerk", model=Scripted(lines, order="turn"), tools=[send])
    app = apps(agent)
    first = await app.run(agent, "go", thread="t")
    assert first.output == "done"
    # after the second call: what is left is "b" and "c"
    steps = [moment.step for moment in reversed(await app.history("t")) if "act" in moment.next]
    result = await app.replay(first.run_id, live_from=steps[1])
    assert len(result.warnings) == 2
    asked: list[str] = []
    while result.paused:
        (question,) = result.questions
        asked.append(question.payload["before"]["arguments"]["text"])
        assert question.payload["before"]["result"] == f"sent {asked[-1]}"
        answer = question.respond("as before") if len(asked) == 1 else question.approve()
        result = await apps(agent).resume(result.run_id, {question.id: answer})
    assert asked == ["b", "c"]
    assert sent == ["a", "b", "c", "c"]
    assert result.output == "done"


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_a_node_that_runs_again_asks_before_what_happened_once(apps: Any, schedule: Any) -> None:
    shop = Shop(schedule)
    app = apps(shop.graph)
    result = await app.run(shop.graph, {}, thread="t", breakpoints=[Breakpoint(node="thank")])
    control = await app.control(result.run_id, by="ada")
    await control.settled(await control.rerun("quote"), 10)
    (row,) = await app.questions(run=result.run_id)
    assert (shop.quoted, shop.paid) == (2, [120])
    events = [one.event for one in await app.events(ALL, result.run_id)]
    assert [len(one.data) for one in events if isinstance(one, Custom)] == [1]
    done = await apps(shop.graph).resume(result.run_id, {row.id: True})
    assert shop.paid == [120, 120]
    assert done.paused, "the breakpoint before `thank` holds it again"
    done = await app.resume(result.run_id)
    assert done.output["notes"] == ["quoted", "paid", "thanked"]


async def test_an_agent_goes_back_and_forgets_what_was_said_since(apps: Any) -> None:
    seen: list[list[str]] = []
    sent: list[str] = []

    def words(request: Any) -> Any:
        seen.append([message.text for message in request.messages if message.text])
        return "second thoughts" if len(seen) > 3 else ["one", call("send", text="hi"), "all sent"][len(seen) - 1]

    @tool(effect="once")
    def send(text: str) -> str:
        """Send it."""
        sent.append(text)
        return "sent"

    agent = Agent("clerk", model=Scripted([words] * 10), tools=[send])
    app = apps(agent)
    await app.run(agent, "first", thread="t")
    held = await app.run(agent, "second", thread="t", breakpoints=[Breakpoint(node="act", after=True)])
    assert (held.paused, sent) == (True, ["hi"])
    control = await app.control(held.run_id)
    before = await app.messages(ALL, "t")
    await control.settled(await control.rerun("think"), 10)
    # the call of the tool left the context with its result, and the model answered without it
    done = await app.wait(ALL, held.run_id, 10)
    assert (done.status, done.output) == ("finished", b'"all sent"')
    assert seen[2] == ["first", "one", "second"]
    assert len(await app.messages(ALL, "t")) == len(before) + 1
    third = await apps(agent).run(agent, "third", thread="t")
    assert third.output == "second thoughts"
    assert seen[3] == ["first", "one", "second", "all sent", "third"]
    assert [item.message.text for item in (await app.explain(ALL, "t")).items if item.message.role != "user"] == [
        *("one", "all sent", "second thoughts")
    ]


async def test_a_tool_runs_again_only_when_somebody_agrees(apps: Any) -> None:
    sent: list[str] = []

    @tool(effect="once")
    def send(text: str) -> str:
        """Send it."""
        sent.append(text)
        return f"sent {len(sent)}"

    agent = Agent("clerk", model=Scripted([call("send", text="hi"), "all sent"], order="turn"), tools=[send])
    app = apps(agent)
    held = await app.run(agent, "go", thread="t", breakpoints=[Breakpoint(node="act", after=True)])
    control = await app.control(held.run_id)
    await control.settled(await control.rerun("act"), 10)
    (row,) = await app.questions(run=held.run_id)
    assert (row.kind, sent) == ("approval", ["hi"])
    result = await app.resume(held.run_id, {row.id: {"decision": "respond"}})
    while result.paused:
        result = await app.resume(held.run_id)
    assert sent == ["hi"]
    assert [r.content for _, m in await app.messages(ALL, "t") for r in m.tool_results] == ["sent 1", "sent 1"]
    assert [r.content for item in (await app.explain(ALL, "t")).items for r in item.message.tool_results] == ["sent 1"]


def nested() -> tuple[Any, Any, list[Any]]:
    ran: list[Any] = []

    class Room(TypedDict, total=False):
        beds: int
        notes: Annotated[list[str], operator.add]

    def look(state: Room) -> Room:
        ran.append("look")
        return {"beds": 1, "notes": ["looked"]}

    def take(state: Room) -> Room:
        ran.append(("take", state["beds"]))
        return {"notes": [f"{state['beds']} beds"]}

    hotel = StateGraph(Room, name="hotel").add_sequence(look, take).add_edge(START, "look")
    hotel.writes(beds=["look"])
    inner = hotel.compile()
    outer = StateGraph(Order, name="order").add_node("book", inner).add_edge(START, "book").compile()
    return outer, inner, ran


async def test_the_state_of_a_graph_below_is_changed_by_its_rules(apps: Any) -> None:
    outer, _, ran = nested()
    app = apps(outer)
    held = await app.run(outer, {"notes": []}, thread="t", breakpoints=[Breakpoint(node="take")])
    control = await app.control(held.run_id, by="ada")
    path = "order/1:book/hotel#1"
    with pytest.raises(GraphError, match="only look may write"):
        await control.modify({"beds": 3}, path=path)
    with pytest.raises(GraphError, match="no channel 'price'"):
        await control.modify({"price": 3}, path=path)
    with pytest.raises(Conflict, match="is over, or was never made"):
        await control.modify({"notes": ["x"]}, path="order/7:book/hotel#1")
    with pytest.raises(UsageError, match="neither a node's own graph"):
        await control.modify({"notes": ["x"]}, path="order/1:book/motel#1")
    sent = await control.modify({"beds": 3}, path=path, node="look")
    assert sent.run.status == "paused"
    await control.modify({"notes": ["by hand"]}, path=path)
    state = await app.state("t", path, target=outer.graph().nodes["book"].inside)
    assert state.values == {"beds": 3, "notes": ["looked", "by hand"]}
    assert state.next == ("take",)
    result = await apps(outer).resume(held.run_id)
    assert result.output["notes"] == ["looked", "by hand", "3 beds"]
    assert ran == ["look", ("take", 3)]


async def test_a_node_below_runs_again(apps: Any) -> None:
    outer, _, ran = nested()
    app = apps(outer)
    held = await app.run(outer, {"notes": []}, thread="t", breakpoints=[Breakpoint(node="take")])
    control = await app.control(held.run_id)
    await control.settled(await control.rerun("look", path="order/1:book/hotel#1"), 10)
    result = await app.resume(held.run_id)
    assert ran == ["look", "look", ("take", 1)]
    assert result.output["notes"] == ["looked", "1 beds"]


async def test_a_write_may_take_the_place_of_what_was_gathered(apps: Any) -> None:
    shop = Shop()
    app = apps(shop.graph)
    held = await app.run(shop.graph, {"notes": ["start"]}, thread="t", breakpoints=[Breakpoint(node="thank")])
    control = await app.control(held.run_id)
    await control.modify({"notes": Overwrite(["fresh"]), "tags": Overwrite(["t"]), "price": 1})
    assert (await app.state("t")).values["notes"] == ["fresh"]
    await control.modify({"notes": ["more"]})
    result = await apps(shop.graph).resume(held.run_id)
    assert result.output["notes"] == ["fresh", "more", "thanked"]
    assert (result.output["price"], list(result.output["tags"])) == (1, ["t"])
    made = await app.fork("t", write={"notes": Overwrite([])}, node="thank")
    assert (await app.state(made.thread_id)).values["notes"] == []


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_a_node_may_overwrite(apps: Any, schedule: Any) -> None:
    def gather(state: Order) -> Order:
        return {"notes": ["a"], "tags": ["a"]}

    def clean(state: Order, ctx: Context[Any]) -> Any:
        return {"notes": Overwrite(["clean"]), "tags": Overwrite([])}

    def waits(state: Order, ctx: Context[Any]) -> Order:
        return {"paid": ctx.ask("paid?")}

    graph = StateGraph(Order, name="g").add_node(gather).add_node(clean).add_node(waits).add_node("end", gather)
    graph.add_edge(START, "gather").add_edge("gather", "clean").add_edge("gather", "waits")
    graph.add_edge(["clean", "waits"], "end").add_edge("end", END)
    app = apps(g := graph.compile(schedule=schedule))
    paused = await app.run(g, {"notes": ["begin"]}, thread="t")
    (question,) = paused.questions
    result = await apps(g).resume(paused.run_id, {question.id: "yes"})
    assert result.output["notes"] == ["clean", "a"]
    assert list(result.output["tags"]) == ["a"]
    assert (await apps(g).state("t")).values["notes"] == ["clean", "a"]


async def test_two_that_overwrite_in_one_step_are_refused() -> None:
    graph = StateGraph(Order, name="g")
    for name in "ab":
        graph.add_node(name, lambda state: {"notes": Overwrite([])}).add_edge(START, name)
    with pytest.raises(GraphError, match="2 nodes overwrote"):
        await graph.compile().run({})
