"""What must happen once: on record before it begins, never silently repeated, settled by a person or a function."""

import asyncio
from typing import Any, TypedDict

import pytest

from weft import NOT_DONE, START, Agent, App, Context, Retry, StateGraph, interrupt, tool
from weft.errors import OutcomeUnknown, ToolFailed, ToolRetry
from weft.events import EffectStarted, EffectUnknown
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope

ME = Scope("default", "local")


def payer(raises: list[BaseException | None], did: list[str], **options: Any) -> Agent[Any]:
    """An agent with a tool that happens, and then raises what is next in line."""

    @tool(effect="once", **options)
    async def pay(ctx: Context[Any], amount: int) -> str:
        """Pay."""
        did.append(ctx.idempotency_key)
        error = raises.pop(0) if raises else None
        if error is not None:
            raise error
        return f"paid {amount}"

    return Agent("payer", model=Scripted([call("pay", amount=5), "done"], order="turn"), tools=[pay])


async def told(app: App, thread: str = "t") -> str:
    (result,) = [r for _, m in await app.messages(ME, thread) for r in m.tool_results]
    return result.content


async def kinds(app: App, run_id: str) -> list[type]:
    found = [type(envelope.event) for envelope in await app.events(ME, run_id)]
    return [kind for kind in found if kind in (EffectStarted, EffectUnknown)]


async def test_the_intent_is_on_record_before_and_settled_after(apps: Any) -> None:
    seen: list[Any] = []

    @tool(effect="once")
    async def pay() -> str:
        """Pay."""
        seen.extend(await app.questions(status="intent"))
        return "paid"

    agent = Agent("a", model=Scripted([call("pay"), "done"], order="turn"), tools=[pay])
    app = apps(agent)
    result = await app.run(agent, "go")
    assert [(row.kind, row.path) for row in seen] == [("outcome", "a/2:act#0")]
    assert await app.questions(status="intent") == []
    assert len(await app.questions(status="settled")) == 1
    assert await kinds(app, result.run_id) == [EffectStarted]


@pytest.mark.parametrize("error", [ToolFailed("no money"), ToolRetry("wrong amount")])
async def test_what_the_tool_says_itself_is_known(apps: Any, error: Exception) -> None:
    did: list[str] = []
    agent = payer([error], did)
    app = apps(agent)
    result = await app.run(agent, "go", thread="t")
    assert (result.output, len(did), await told(app)) == ("done", 1, str(error))
    assert await kinds(app, result.run_id) == [EffectStarted]


@pytest.mark.parametrize("error", [ConnectionError("reset"), KeyError("id"), TimeoutError()])
@pytest.mark.parametrize(
    ("answer", "times", "words"),
    [
        ({"outcome": "happened", "result": "paid, says the bank"}, 1, "paid, says the bank"),
        ({"outcome": "did_not_happen"}, 2, "paid 5"),
        ({"outcome": "fail", "reason": "bank holiday"}, 1, "go on without it: bank holiday"),
    ],
)
async def test_an_unknown_outcome_becomes_a_question(
    apps: Any, error: Exception, answer: Any, times: int, words: str
) -> None:
    did: list[str] = []
    agent = payer([error], did)
    paused = await apps(agent).run(agent, "go", thread="t")
    (question,) = paused.questions
    assert question.kind == "outcome"
    assert (question.payload["tool"], question.payload["arguments"]) == ("pay", {"amount": 5})
    assert question.payload["key"] == did[0]
    (row,) = await apps(agent).questions()
    assert type(error).__name__.encode() in row.payload
    app = apps(agent)
    result = await app.resume(paused.run_id, {question.id: answer})
    assert (result.output, len(did), len(set(did))) == ("done", times, 1)
    assert words in await told(app)
    assert await app.questions(status="intent") == []


async def test_a_second_try_that_is_unknown_too_is_asked_again(apps: Any) -> None:
    did: list[str] = []
    agent = payer([OSError("one"), OSError("two")], did)
    first = await apps(agent).run(agent, "go", thread="t")
    second = await apps(agent).resume(first.run_id, {first.questions[0].id: first.questions[0].did_not_happen()})
    assert second.questions[0].id != first.questions[0].id
    assert len(did) == 2
    result = await apps(agent).resume(first.run_id, {second.questions[0].id: second.questions[0].happened("yes")})
    assert (result.output, len(did)) == ("done", 2)


async def test_a_tool_that_takes_too_long_is_unknown(apps: Any) -> None:
    @tool(effect="once", timeout=0.05)
    async def pay() -> None:
        """Pay."""
        await asyncio.sleep(10)

    agent = Agent("a", model=Scripted([call("pay"), "done"], order="turn"), tools=[pay])
    paused = await apps(agent).run(agent, "go")
    assert "longer than" in paused.questions[0].payload["question"]


@pytest.mark.parametrize(
    ("finds", "paused", "words"),
    [
        (lambda ctx, arguments: f"{ctx.idempotency_key} {arguments['amount']}", False, "payer/2:act#0 5"),
        (lambda ctx, arguments: NOT_DONE, False, "OSError: reset"),
        (lambda ctx, arguments: 1 / 0, True, "ZeroDivisionError"),
    ],
)
async def test_reconcile_decides_where_it_can(apps: Any, finds: Any, paused: bool, words: str) -> None:
    did: list[str] = []
    agent = payer([OSError("reset")], did, reconcile=finds)
    app = apps(agent)
    result = await app.run(agent, "go", thread="t")
    assert (result.paused, len(did)) == (paused, 1)
    assert words in (result.questions[0].payload["question"] if paused else await told(app))


async def test_a_tool_that_asks_first_is_not_unknown(apps: Any) -> None:
    did: list[str] = []

    @tool(effect="once")
    def pay() -> str:
        """Pay."""
        how = interrupt("how?")
        did.append(how)
        return f"paid {how}"

    agent = Agent("a", model=Scripted([call("pay"), "done"], order="turn"), tools=[pay])
    paused = await apps(agent).run(agent, "go", thread="t")
    assert paused.questions[0].payload == "how?"
    result = await apps(agent).resume(paused.run_id, {paused.questions[0].id: "cash"})
    assert (result.output, did) == ("done", ["cash"])


async def test_cancelled_in_flight_leaves_a_visible_unknown_outcome(apps: Any) -> None:
    began = asyncio.Event()

    @tool(effect="once")
    async def pay() -> None:
        """Pay."""
        began.set()
        await asyncio.sleep(30)

    agent = Agent("a", model=Scripted([call("pay"), "done"], order="turn"), tools=[pay])
    app = apps(agent)
    await app.start()
    run = await app.submit("a", "go", scope=ME)
    await began.wait()
    await app.cancel(ME, run.id)
    assert [row.kind for row in await app.questions(status="unknown")] == ["outcome"]
    assert await kinds(app, run.id) == [EffectStarted, EffectUnknown]
    caller = asyncio.create_task(app.run(agent, "go", thread="left"))
    began.clear()
    await began.wait()
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    (row,) = await app.questions(status="unknown", thread="left")
    assert await kinds(app, row.run_id) == [EffectStarted, EffectUnknown]


async def test_in_memory_the_model_is_told_that_nobody_knows() -> None:
    did: list[str] = []
    agent = payer([OSError("reset")], did)
    result = await agent.run("go")
    (told,) = [r for m in result.messages for r in m.tool_results]
    assert "nobody knows whether 'pay' happened" in told.content
    assert (result.output, len(did)) == ("done", 1)


class Order(TypedDict, total=False):
    paid: str


def ordering(did: list[str], errors: list[Exception], **options: Any) -> Any:
    async def pay(state: Order, ctx: Context[Any]) -> Order:
        did.append(ctx.idempotency_key)
        if errors:
            raise errors.pop(0)
        return {"paid": "yes"}

    def thank(state: Order) -> Order:
        return {"paid": f"{state['paid']}, thanks"}

    graph = StateGraph(Order, name="order").add_node(pay, effect="once", **options).add_node(thank)
    return graph.add_edge(START, "pay").add_edge("pay", "thank").compile()


ANY = Retry(attempts=3, pause=0.01, on=(Exception,))


async def test_a_retry_policy_never_silently_repeats_a_node(apps: Any) -> None:
    did: list[str] = []
    graph = ordering(did, [OSError("reset")], retry=ANY)
    paused = await apps(graph).run(graph, {}, thread="t")
    (question,) = paused.questions
    assert (question.kind, len(did)) == ("outcome", 1)
    assert question.payload["question"] == "Did 'pay' happen? OSError: reset."
    result = await apps(graph).resume(paused.run_id, {question.id: question.happened({"paid": "by cheque"})})
    assert (result.output, len(did)) == ({"paid": "by cheque, thanks"}, 1)


async def test_a_retry_policy_repeats_what_reconcile_says_did_not_happen(apps: Any) -> None:
    did: list[str] = []
    graph = ordering(did, [OSError("reset")], retry=ANY, reconcile=lambda ctx, state: NOT_DONE)
    assert (await apps(graph).run(graph, {})).output == {"paid": "yes, thanks"}
    assert len(did) == 2


async def test_a_node_that_fails_ends_its_run_and_says_that_nobody_knows(apps: Any) -> None:
    did: list[str] = []
    graph = ordering(did, [OSError("reset")])
    app = apps(graph)
    with pytest.raises(OSError, match="reset"):
        await app.run(graph, {}, thread="t")
    (row,) = await app.questions(status="unknown")
    assert await kinds(app, row.run_id) == [EffectStarted, EffectUnknown]


async def test_in_memory_a_retry_policy_does_not_repeat_a_node_either() -> None:
    did: list[str] = []
    graph = ordering(did, [OSError("reset")], retry=ANY)
    with pytest.raises(OutcomeUnknown):
        await graph.run({})
    assert len(did) == 1
