"""Servers that answer nonsense, cut anywhere: an error of ours or a good answer, in time, and no thread is lost."""

import asyncio
import copy
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models.loopback import Reply, chat, chunk, serve
from weft import Agent, App
from weft.errors import WeftError
from weft.messages import user
from weft.models.base import Answer, Piece, Request
from weft.models.direct import Direct
from weft.models.litellm import LiteLLM, close_connections

pytestmark = pytest.mark.usefixtures("litellm")
IN_TIME = 20.0
"""Seconds; an idle server is given up after one."""
OFTEN = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

CALL = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}}
STREAM: list[Any] = [
    chunk({"role": "assistant", "content": "Zü"}),
    chunk({"content": "rich", "reasoning_content": "hm", "refusal": None}),
    chunk({"tool_calls": [CALL]}),
    chunk({}, "tool_calls"),
    chunk({}, choices=[], usage=USAGE),
]
MESSAGE = {"role": "assistant", "content": "Zürich", "reasoning_content": "hm", "tool_calls": [CALL]}
WHOLE: list[Any] = [
    chunk({}, choices=[{"index": 0, "message": MESSAGE, "finish_reason": "tool_calls"}], usage=USAGE)
    | {"object": "chat.completion"}
]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something may be wrong in it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[each for key, below in inner for each in places(below, (*path, key))]]


@st.composite
def bodies(draw: Callable[..., Any], *, streamed: bool) -> bytes:
    """An answer with something wrong in it, then cut, then with noise at its end."""
    events = copy.deepcopy(STREAM if streamed else WHOLE)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.sampled_from([path for path in places(events) if path]))
        inside = events
        try:
            for key in at[:-1]:
                inside = inside[key]
            if draw(st.booleans()):
                inside[at[-1]] = draw(JUNK)
            elif isinstance(inside, dict):
                del inside[at[-1]]
        except (KeyError, IndexError, TypeError):  # what was there is junk by now
            continue
    frame = b"data: %s\n\n" if streamed else b"%s"
    body = b"".join([frame % json.dumps(event).encode() for event in events]) + (
        b"data: [DONE]\n\n" if streamed else b""
    )
    cut = draw(st.one_of(st.just(len(body)), st.integers(0, len(body))))
    noise = draw(
        st.sampled_from([b"", b"", b"\xff{", b"data: {]\n\n", b"data: null\n\n", b"\r\n\r", b"event: x\ndata:\n"])
    )
    return body[:cut] + noise


@st.composite
def replies(draw: Callable[..., Any], *, streamed: bool) -> Reply:
    body = draw(bodies(streamed=streamed))
    size = max(1, len(body) // draw(st.integers(1, 7)))
    return Reply(
        status=draw(st.sampled_from([200] * 6 + [204, 301, 400, 404, 429, 500, 503])),
        mime=draw(st.sampled_from(["text/event-stream"] * 3 + ["application/json", "text/html", "x/y"])),
        chunks=[body[start : start + size] for start in range(0, len(body), size)],
        cut=draw(st.booleans()),
        hang=draw(st.sampled_from([False] * 9 + [True])),
    )


@pytest.mark.parametrize("door", [LiteLLM, Direct])
@pytest.mark.parametrize("streamed", [True, False])
@OFTEN
@given(data=st.data())
async def test_nonsense(door: type[LiteLLM] | type[Direct], streamed: bool, data: st.DataObject) -> None:
    reply = data.draw(replies(streamed=streamed))
    async with serve(reply) as server, asyncio.timeout(IN_TIME):
        model = door("openai/gpt-5-mini", server.url, stream=streamed, idle_timeout=0.5, timeout=1.0)
        said: list[Piece | Answer] = []
        try:
            said = [each async for each in model.answer(Request(messages=[user("Hi")]))]
        except WeftError:
            return
        finally:
            await close_connections()
    assert [type(each) is Answer for each in said] == [False] * (len(said) - 1) + [True]
    # What was read is what it says it is: it can be stored, and read again.
    assert msgspec.json.decode(msgspec.json.encode(said[-1]), type=Answer) == said[-1]


@pytest.mark.parametrize("door", [LiteLLM, Direct])
@settings(parent=OFTEN, max_examples=15)
@given(data=st.data())
async def test_a_thread_outlives_nonsense(door: type[LiteLLM] | type[Direct], data: st.DataObject) -> None:
    """Whatever was answered before, the next turn of the thread goes through."""

    def f(x: int = 0) -> int:
        """Do it."""
        return x

    nonsense = data.draw(replies(streamed=True))
    good = chat({"content": "All is well"})
    async with serve(nonsense, nonsense, nonsense, good) as server, asyncio.timeout(4 * IN_TIME):
        hasty = door("openai/gpt-5-mini", server.url, idle_timeout=0.3, timeout=0.5)
        agent, calm = Agent("a", model=hasty, tools=[f]), Agent("a", model=door(hasty.name, server.url), tools=[f])
        app = App(store="sqlite://")
        try:
            with suppress(WeftError):
                await app.run(agent, "Hi", thread="t")
            server.replies[:] = [good]
            second = await app.run(calm, "And now?", thread="t")
            assert second.output == "All is well"
        finally:
            await app.close()
            await close_connections()
