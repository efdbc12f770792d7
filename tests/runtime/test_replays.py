"""Replays of nodes, steps and calls, on both databases: nothing happens again, until it goes live."""

from typing import Any

import pytest

from tests.runtime.test_goingback import ALL, Order, Shop
from weft import START, Agent, Context, StateGraph, step, tool, workflow
from weft.errors import ContentFiltered, ModelUnavailable, OutputInvalid, ReplayMissed
from weft.events import Envelope, ModelFailed, NodeFinished
from weft.models.scripted import Scripted, call
from weft.runtime.origin import Origin
from weft.runtime.replaying import Recorded
from weft.storage.base import Page


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_a_replay_runs_no_function(apps: Any, schedule: Any) -> None:
    shop = Shop(schedule)
    app = apps(shop.graph)
    await app.run(shop.graph, {"notes": ["earlier"]}, thread="t")
    shop.paid.clear()
    result = await app.run(shop.graph, {"notes": ["begin"]}, thread="t")
    quoted = shop.quoted
    again = await app.replay(result.run_id)
    assert (again.output, shop.paid, shop.quoted) == (result.output, [120], quoted)
    assert (await app.diff(result.run_id, again.run_id)).same
    nodes = [one.event.node for one in await app.events(ALL, again.run_id) if isinstance(one.event, NodeFinished)]
    assert nodes == ["quote", "pay", "thank"]
    twice = await app.replay(again.run_id)
    assert (twice.output, shop.paid) == (result.output, [120])
    steps = [moment.step for moment in await app.history("t", limit=3)]
    live = await app.replay(result.run_id, live_from=steps[1])
    assert (live.output, shop.paid) == (result.output, [120])
    ran = await app.replay(result.run_id, run_nodes=True)
    assert (shop.paid, shop.quoted, ran.output["price"]) == ([120, 120], quoted + 1, 120)


async def test_a_replay_of_a_graph_goes_live_and_asks(apps: Any) -> None:
    shop = Shop()
    app = apps(shop.graph)
    result = await app.run(shop.graph, {}, thread="t")
    asked = await app.replay(result.run_id, live_from=2)
    assert (asked.paused, shop.paid, shop.quoted) == (True, [120], 1)
    (question,) = asked.questions
    done = await app.resume(asked.run_id, {question.id: True})
    assert (done.output["paid"], shop.quoted) == ("receipt 2", 1)


async def test_branches_calls_and_answers_are_replayed(apps: Any) -> None:
    ran: list[str] = []
    poet = Agent("poet", model=Scripted(["a rhyme", "another"]))

    async def writes(state: Order, ctx: Context[Any]) -> Order:
        return {"notes": [await ctx.call(poet, "write")]}

    def beside(state: Order) -> Order:
        ran.append("beside")
        return {"notes": ["beside"]}

    def asks(state: Order, ctx: Context[Any]) -> Order:
        said = ctx.ask("sure?")
        ran.append("asks")
        return {"paid": said}

    graph = StateGraph(Order, name="g").add_node(writes).add_node(beside).add_node(asks)
    graph.add_edge(START, "writes").add_edge(START, "beside").add_edge(["writes", "beside"], "asks")
    app = apps(g := graph.compile())
    paused = await app.run(g, {}, thread="t")
    (question,) = paused.questions
    half = await app.replay(paused.run_id)
    assert half.paused, "it waits where the run waits"
    result = await app.resume(paused.run_id, {question.id: "yes"})
    before = list(ran)
    again = await app.replay(result.run_id)
    assert (again.output, ran) == (result.output, before)
    assert (await app.diff(result.run_id, again.run_id)).same


async def test_what_is_asked_live_is_asked_anew(apps: Any) -> None:
    paid: list[int] = []

    def paying(amount: int) -> Agent[Any]:
        @tool(approval=True, effect="idempotent")
        def pay(amount: int) -> str:
            """Pay."""
            paid.append(amount)
            return "paid"

        return Agent("payer", model=Scripted([call("pay", amount=amount), "done"], order="turn"), tools=[pay])

    app = apps(paying(5))
    paused = await app.run("payer", "pay", thread="t")
    result = await app.resume(paused.run_id, {paused.questions[0].id: True})
    app = apps(paying(500))
    assert (await app.replay(result.run_id)).output == "done"
    for live_from, amount in ((1, 500), (2, 5)):
        live = await app.replay(result.run_id, live_from=live_from)
        assert [one.payload["arguments"] for one in live.questions] == [{"amount": amount}], "who said yes saw 5"
        live = await app.resume(live.run_id, {live.questions[0].id: True})
        assert (live.output, paid.pop()) == ("done", amount)
    assert (await app.replay(result.run_id, live_from=3)).output == "done"
    assert paid == [5]


async def test_answers_are_found_where_the_steps_of_a_replay_have_other_numbers(apps: Any) -> None:
    broken = [True]

    def begin(state: Order) -> Order:
        if broken.pop() if broken else False:
            raise ValueError("no")
        return {"notes": ["begun"]}

    def asks(state: Order, ctx: Context[Any]) -> Order:
        return {"paid": ctx.ask("sure?")}

    app = apps(graph := StateGraph(Order, name="g").add_sequence(begin, asks).add_edge(START, "begin").compile())
    with pytest.raises(ValueError, match="no"):
        await app.run(graph, {}, thread="t")
    paused = await app.run(graph, {}, thread="t")
    result = await app.resume(paused.run_id, {paused.questions[0].id: "yes"})
    again = await app.replay(result.run_id, run_nodes=True)
    assert (again.status, again.output) == ("finished", result.output)


async def test_steps_of_a_workflow_are_replayed(apps: Any) -> None:
    ran: list[int] = []

    def double(n: int) -> int:
        ran.append(n)
        return 2 * n

    @workflow
    async def flow(ctx: Context[Any], n: int) -> int:
        return await step(ctx, double, n) + await step(ctx, double, n + 1)

    app = apps(flow)
    result = await app.run(flow, 3, thread="t")
    again = await app.replay(result.run_id)
    assert (result.output, again.output, ran) == (14, 14, [3, 4])


async def test_a_run_that_failed_is_replayed_up_to_there(apps: Any) -> None:
    ran: list[str] = []

    def fine(state: Order) -> Order:
        ran.append("fine")
        return {"price": 1}

    def fails(state: Order) -> Order:
        ran.append("fails")
        raise ValueError("no")

    graph = StateGraph(Order, name="g").add_sequence(fine, fails).add_edge(START, "fine").compile()
    app = apps(graph)
    with pytest.raises(ValueError, match="no"):
        await app.run(graph, {}, thread="t")
    run = (await app.history("t"))[0].run_id
    with pytest.raises(ReplayMissed, match="go live from 2"):
        await app.replay(run)
    assert ran == ["fine", "fails"]
    with pytest.raises(ValueError, match="no"):
        await app.replay(run, live_from=2)
    assert ran == ["fine", "fails", "fails"]


async def test_a_run_that_ended_by_a_models_error_ends_so_again(apps: Any) -> None:
    model = Scripted([ContentFiltered("m: not this"), "never"])
    agent = Agent("a", model=model)
    app = apps(agent)
    with pytest.raises(ContentFiltered, match="m: not this"):
        await app.run(agent, "x", thread="t")
    run = (await app.history("t"))[0].run_id
    with pytest.raises(ContentFiltered, match="m: not this"):
        await app.replay(run)
    (again,) = [one.id for one in await app.store.runs.list(ALL, Page()) if one.id != run]
    with pytest.raises(ContentFiltered, match="m: not this"):
        await app.replay(again)
    assert len(model.asked) == 1


def test_an_error_that_passes_is_not_waited_for_in_a_replay() -> None:
    path = ("a", "0:think")
    failed = ModelFailed("m", "model.unavailable", "gone")
    told = [Envelope(run_id="r", seq=n, at=0.0, path=path, event=failed) for n in range(3)]
    past = Recorded(told, {}, Origin(kind="replay", run="r"))
    with pytest.raises(ModelUnavailable, match="gone") as caught:
        past.answer(path)
    assert not caught.value.retryable


async def test_a_run_that_ended_with_an_answer_that_does_not_fit_ends_so_again(apps: Any) -> None:
    model = Scripted(["no number", "none", "still none"])
    agent = Agent("a", model=model, output=int)
    app = apps(agent)
    with pytest.raises(OutputInvalid) as first:
        await app.run(agent, "How many?", thread="t")
    run, asked = (await app.history("t"))[0].run_id, len(model.asked)
    with pytest.raises(OutputInvalid) as again:
        await app.replay(run)
    assert str(again.value) == str(first.value)
    assert len(model.asked) == asked == 3
