"""An agent in memory: turns, tools, typed output, limits, bad input, streams."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from weft import Agent, Hook, Limits, Message, tool
from weft.errors import (
    ModelUnavailable,
    OutputInvalid,
    ToolFailed,
    UsageError,
)
from weft.events import (
    Delta,
    MessageAdded,
    NodeFailed,
    NodeFinished,
    RunFailed,
    RunFinished,
    ToolFinished,
)
from weft.messages import Text, ToolCall, ToolResult
from weft.models.base import Request, Stream
from weft.models.scripted import Scripted, call


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def test_it_answers() -> None:
    result = await Agent("a", model=Scripted(["Hello"]), instructions="Greet.").run("Hi")
    assert result.output == "Hello"
    assert [(m.role, m.text) for m in result.messages] == [("user", "Hi"), ("assistant", "Hello")]
    assert result.usage.requests == 1
    assert not result.paused


async def test_it_calls_tools_side_by_side_and_reads_their_results() -> None:
    model = Scripted([[call("add", a=1, b=2), call("add", a=3, b=4)], "3 and 7"])
    result = await Agent("a", model=model, tools=[add]).run("add")
    assert result.output == "3 and 7"
    assert [r.content for m in model.asked[1].messages for r in m.tool_results] == ["3", "7"]
    assert [m.role for m in model.asked[1].messages] == ["user", "assistant", "tool", "tool"]


def test_run_sync_and_why_it_is_refused_inside_a_loop() -> None:
    agent = Agent("a", model=Scripted(["one", "two"]))
    assert agent.run_sync("x").output == "one"

    async def inside() -> None:
        with pytest.raises(UsageError, match="await"):
            agent.run_sync("x")

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (call("nope"), "there is no tool 'nope'; the tools are: add"),
        (ToolCall("c1", "add", {}, invalid='{"a": 1,'), "not a JSON object"),
        (call("add", a="one", b=2), "a"),
        (call("add", a=1), "b"),
    ],
)
async def test_a_wrong_call_is_answered_with_words(asked: ToolCall, words: str) -> None:
    model = Scripted([asked, "sorry"])
    result = await Agent("a", model=model, tools=[add]).run("x")
    (told,) = [r for m in model.asked[1].messages for r in m.tool_results]
    assert told.failed
    assert words in told.content
    assert result.output == "sorry"


async def test_a_tool_that_raises_or_hangs_is_answered_with_words() -> None:
    def breaks() -> str:
        raise KeyError("city")

    @tool(timeout=0.05)
    async def hangs() -> str:
        await asyncio.sleep(30)
        return "never"

    model = Scripted([[call("breaks"), call("hangs")], "ok"])
    result = await Agent("a", model=model, tools=[breaks, hangs]).run("x")
    told = [r for m in model.asked[1].messages for r in m.tool_results]
    assert [(r.failed, r.content) for r in told] == [
        (True, "KeyError: 'city'"),
        (True, "hangs took longer than 0.05 s"),
    ]
    assert result.output == "ok"


class Person(BaseModel):
    name: str
    age: int


@dataclass
class Point:
    x: int
    y: int


TYPED: list[tuple[Any, list[str], Any]] = [
    (int, ["7"], 7),
    (int, ["seven", '{"value": 7}'], 7),
    (list[str], ['["a", "b"]'], ["a", "b"]),
    (Point, ['{"x": 1, "y": 2}'], Point(1, 2)),
    (Person, ['```json\n{"name": "Ada", "age": 36}\n```'], Person(name="Ada", age=36)),
    (Person, ['{"name": "Ada"}', "no", '{"name": "Ada", "age": 36}'], Person(name="Ada", age=36)),
    ({"type": "object", "properties": {"n": {"type": "integer"}}}, ['{"n": "x"}', '{"n": 3}'], {"n": 3}),
]


@pytest.mark.parametrize(("of", "lines", "output"), TYPED)
async def test_typed_output_with_corrections(of: Any, lines: list[str], output: Any) -> None:
    model = Scripted(lines)
    result = await Agent("a", model=model, output=of).run("x")
    assert result.output == output
    assert len(model.asked) == len(lines)
    assert model.asked[0].output is not None


async def test_corrections_are_bounded_and_say_what_is_wrong() -> None:
    model = Scripted(['{"name": "Ada"}'] * 5)
    with pytest.raises(OutputInvalid, match="after 2 corrections: age: Field required"):
        await Agent("a", model=model, output=Person).run("x")
    assert len(model.asked) == 3
    assert "age: Field required" in model.asked[1].messages[-1].text


def test_an_output_that_is_no_type_is_refused() -> None:
    with pytest.raises(UsageError, match="output"):
        Agent("a", model=Scripted([]), output={"type": "nonsense"}).run_sync("x")
    with pytest.raises(UsageError, match="output"):
        Agent("a", model=Scripted([]), output=object()).run_sync("x")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(turns=2), "2 turns"),
        (Limits(tokens=3), "tokens of at most 3"),
        (Limits(tool_calls=1), "1 tool calls of at most 1"),
    ],
)
async def test_limits(limits: Limits, words: str) -> None:
    model = Scripted([call("add", a=1, b=1)], order="repeat")
    result = await Agent("a", model=model, tools=[add], limits=limits).run("x")
    assert (result.status, words in str(result.stop)) == ("paused", True)


async def test_a_model_that_is_away_for_a_moment_is_asked_again() -> None:
    agent = Agent("a", model=Scripted([ModelUnavailable("busy"), "ok"]))
    seen = [envelope.event async for envelope in agent.stream("x")]
    assert [event.retrying for event in seen if isinstance(event, NodeFailed)] == [True]
    assert [event.attempt for event in seen if isinstance(event, NodeFinished)] == [2]
    assert isinstance(seen[-1], RunFinished)
    assert seen[-1].output == "ok"


async def test_a_stream_shows_everything_in_order_and_without_gaps() -> None:
    model = Scripted([[call("add", a=1, b=2)], "It is three"], by="word")
    seen = [envelope async for envelope in Agent("a", model=model, tools=[add]).stream("x")]
    durable = [envelope.seq for envelope in seen if envelope.durable]
    assert durable == list(range(1, len(durable) + 1))
    words = [envelope.event for envelope in seen if isinstance(envelope.event, Delta)]
    assert "".join(delta.text for delta in words) == "It is three"
    added = [envelope.event.message for envelope in seen if isinstance(envelope.event, MessageAdded)]
    assert [message.role for message in added if message] == ["user", "assistant", "tool", "assistant"]
    assert {delta.message_id for delta in words} == {added[-1].id if added[-1] else None}
    (done,) = [envelope.event for envelope in seen if isinstance(envelope.event, ToolFinished)]
    assert done.result is not None
    assert done.result.content == "3"


async def test_leaving_a_stream_ends_the_run() -> None:
    stopped = asyncio.Event()

    async def slow() -> str:
        """Take a while."""
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            stopped.set()
            raise
        return "never"

    agent = Agent("a", model=Scripted([call("slow")]), tools=[slow])
    stream = agent.stream("x")
    async for envelope in stream:
        if envelope.event.__class__.__name__ == "ToolStarted":
            break
    await stream.aclose()
    assert stopped.is_set()


async def test_what_ends_a_run_badly_is_raised_and_in_the_stream() -> None:
    seen: list[Any] = []

    async def read() -> None:
        async for envelope in Agent("a", model=Scripted([])).stream("x"):
            seen.append(envelope.event)

    with pytest.raises(UsageError, match="script"):
        await read()
    assert isinstance(seen[-1], RunFailed)
    assert seen[-1].code == "usage"


@pytest.mark.parametrize("given", ["Hi", Message(role="user", parts=(Text("Hi"),)), [{"type": "text", "text": "Hi"}]])
async def test_input_as_text_message_or_parts(given: Any) -> None:
    assert (await Agent("a", model=Scripted(["ok"])).run(given)).messages[0].text == "Hi"


async def test_input_that_is_nothing_to_say_is_refused() -> None:
    with pytest.raises(UsageError, match="text"):
        await Agent("a", model=Scripted(["ok"])).run(42)


async def test_instructions_may_be_made_for_each_run() -> None:
    async def tell(ctx: Any) -> str:
        return f"You serve {ctx.run.user_id} with {ctx.deps}."

    model = Scripted(["ok"])
    await Agent("a", model=model, instructions=tell).run("x", deps="care")
    assert model.asked[0].messages[0].text == "You serve local with care."


class Shouts(Hook):
    """Changes the request, the pieces and the results."""

    async def around_model(self, ctx: Any, request: Request, next: Any) -> Stream:  # pyright: ignore
        async for piece in next(request):
            yield piece

    async def around_tool(self, ctx: Any, call: ToolCall, next: Any) -> ToolResult:
        if call.arguments.get("a") == 13:
            raise ToolFailed("unlucky")
        result = await next(call)
        return ToolResult(result.call_id, result.name, f"{result.content}!")


async def test_hooks_go_around_models_and_tools() -> None:
    model = Scripted([[call("add", a=1, b=2), call("add", a=13, b=2)], "done"])
    await Agent("a", model=model, tools=[add], hooks=[Shouts()]).run("x")
    told = [r for m in model.asked[1].messages for r in m.tool_results]
    assert [(r.content, r.failed) for r in told] == [("3!", False), ("unlucky", True)]


async def test_a_tool_gets_the_context_of_its_call() -> None:
    seen: list[str] = []

    def look(ctx: Any) -> str:
        """Look around."""
        seen.append(ctx.idempotency_key)
        return str(ctx.deps)

    model = Scripted([[call("look"), call("look")], "done"])
    result = await Agent("a", model=model, tools=[look]).run("x", deps=7)
    assert model.asked[0].tools[0].parameters.get("properties") in ({}, None)
    assert [r.content for m in result.messages for r in m.tool_results] == ["7", "7"]
    assert sorted(seen) == [f"{result.run_id}/a/2:act#0", f"{result.run_id}/a/2:act#1"]


async def test_one_agent_serves_a_thousand_runs_at_once() -> None:
    agent = Agent("a", model=Scripted([call("add", a=1, b=1), "2"], order="turn"), tools=[add])
    results = await asyncio.gather(*[agent.run(f"run {index}") for index in range(1000)])
    assert [result.messages[0].text for result in results] == [f"run {index}" for index in range(1000)]
    assert {result.output for result in results} == {"2"}
