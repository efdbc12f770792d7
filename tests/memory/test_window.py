"""Contexts: what leaves, what stays together, and what the model is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.graphs import Notes
from weft import Agent, ContextPolicy
from weft.agents.prompt import compose, explain
from weft.engine.context import Context as Ctx
from weft.errors import UsageError
from weft.messages import Message, Text, ToolCall, ToolResult, assistant, user
from weft.models.base import Request
from weft.models.scripted import Scripted
from weft.runtime.conversation import Context, Conversation, Cut, Said, dump_context, dump_message, load_context
from weft.runtime.journal import RunInfo


def said(*messages: Message) -> Context:
    context: Context = Conversation().merge(Context(), [list(messages)])
    for seq, one in enumerate(context.said, start=1):
        one.seq = seq
    return context


def turn(number: int, calls: int = 0) -> list[Message]:
    messages = [user(f"question {number}")]
    for index in range(calls):
        id = f"c{number}.{index}"
        messages.append(Message(role="assistant", parts=(ToolCall(id, "look", {}),)))
        messages.append(Message(role="tool", parts=(ToolResult(id, "look", "seen"),)))
    return [*messages, assistant(f"answer {number}")]


TURNS = st.lists(st.integers(min_value=0, max_value=3), min_size=1, max_size=30)


@given(TURNS, st.integers(min_value=1, max_value=40))
def test_a_cut_keeps_calls_and_results_together_and_the_last_turn_whole(calls: list[int], most: int) -> None:
    messages = [message for number, count in enumerate(calls) for message in turn(number, count)]
    context = said(*messages)
    policy = ContextPolicy(max_tokens=None, max_messages=most)
    count = policy.cut(context)
    left: Context = Conversation().merge(context, [[Cut(count)]])
    assert [one.message for one in left.said] == messages[count:]
    assert left.said[0].message.role == "user"
    assert not left.torn
    assert left.start == (count + 1 if count else 1)
    last = max(index for index, message in enumerate(messages) if message.role == "user")
    assert count <= last
    if len(messages) > most:
        assert len(left.said) <= max(most, len(messages) - last)
    assert compose("", left) == messages[count:]


def test_nothing_is_cut_while_it_fits() -> None:
    context = said(*turn(1), *turn(2))
    assert ContextPolicy().cut(context) == 0
    assert ContextPolicy(max_tokens=None).cut(context) == 0


def test_cuts_are_rare_so_that_the_beginning_of_the_prompt_stays_the_same() -> None:
    policy, context, cuts = ContextPolicy(max_tokens=None, max_messages=20), Context(), 0
    for number in range(100):
        context = Conversation().merge(context, [turn(number)])
        count = policy.cut(context)
        cuts += count > 0
        context = Conversation().merge(context, [[Cut(count)]])
        assert len(context.said) <= 20
    assert 5 <= cuts <= 25


@pytest.mark.parametrize("bad", [{"max_tokens": 0}, {"max_messages": -1}, {"refill": 0}, {"refill": 1.5}])
def test_a_policy_without_room_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises((UsageError, ValueError), match="room"):
        ContextPolicy(**bad)


def test_a_context_is_the_same_when_it_is_read_again() -> None:
    context = said(*turn(1, 1), *turn(2))
    context = Conversation().merge(context, [[Cut(4, "earlier")]])
    rows = [dump_message(one, "", "run_1", 1.0) for one in context.said]
    again = load_context(dump_context(context, ""), rows)
    assert again.messages == context.messages
    assert (again.summary, again.start, again.torn) == ("earlier", 5, False)


def test_a_call_that_was_stopped_gets_a_result_that_says_so() -> None:
    stopped = Message(role="assistant", parts=(ToolCall("c1", "look", {}), ToolCall("c2", "look", {})))
    half = Message(role="tool", parts=(ToolResult("c1", "look", "seen"),))
    context = said(user("x"), stopped, half, user("go on"))
    assert context.torn
    told = compose("Be brief.", context)
    assert [m.role for m in told] == ["system", "user", "assistant", "tool", "tool", "user"]
    assert told[4].tool_results[0].failed
    assert [(i.source, i.seq) for i in explain("Be brief.", context).items] == [
        ("instructions", None), ("thread", 1), ("thread", 2), ("thread", 3), ("repaired", None), ("thread", 4),
    ]  # fmt: skip


def test_explain_adds_up() -> None:
    context = said(*turn(1), *turn(2))
    shown = explain("You are kind.", context)
    assert shown.tokens == sum(item.tokens for item in shown.items) > context.tokens


async def test_a_rolling_summary_takes_the_place_of_what_leaves() -> None:
    def answer(request: Request) -> str:
        return "SUMMARY" if "Summarise" in request.messages[-1].text else "ok"

    model = Scripted([answer], order="repeat")
    agent = Agent("a", model=model, context=ContextPolicy(max_tokens=None, max_messages=4, keep="summary"))
    graph = agent.graph()
    context = said(*turn(1), *turn(2), *turn(3))
    seen: list[Any] = []

    class Noting(Notes):
        def emit(self, path: tuple[str, ...], event: Any) -> None:
            seen.append(event)

    ctx: Ctx[None] = Ctx(RunInfo(id="r", thread_id="t", target="a"), ("a",), None, Noting())
    update = await graph.nodes["think"].run({"conversation": context}, None, ctx)
    after: Context = Conversation().merge(context, [update.writes["conversation"]])
    assert after.summary == "SUMMARY"
    assert [m.text for m in after.messages][-1] == "ok"
    assert len(after.said) < len(context.said)
    assert "SUMMARY" in model.asked[-1].messages[0].text
    assert [type(event).__name__ for event in seen].count("ContextCompacted") == 1


def test_tokens_are_counted_once() -> None:
    one = Said(Message(role="user", parts=(Text("word " * 100),)))
    assert 100 <= one.tokens <= 160
