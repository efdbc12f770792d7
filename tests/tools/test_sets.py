"""Sets of tools made of sets."""

from pathlib import Path
from typing import Any

import pytest

from tests.warm import python
from weft.engine.context import Context
from weft.errors import UsageError
from weft.tools.base import ToolSet
from weft.tools.function import tool
from weft.tools.mcp import MCP, close_connections
from weft.tools.search import Deferred, offered
from weft.tools.sets import ApprovalRequired, Cached, Filtered, Fixed, Joined, Prefixed, Renamed


@tool(effect="read")
async def search(query: str) -> str:
    return f"found {query}"


@tool(effect="once", approval=True)
def send(to: str) -> str:
    return f"sent {to}"


def fetch(url: str) -> str:
    return url


FIXED = Fixed(search, send.tool, fetch)


@pytest.mark.parametrize(
    ("tools", "names"),
    [
        (Fixed(), []),
        (FIXED, ["search", "send", "fetch"]),
        (Joined(Fixed(search), Fixed(fetch)), ["search", "fetch"]),
        (Joined(), []),
        (Filtered(FIXED, lambda tool, ctx: tool.effect == "read"), ["search"]),
        (Filtered(FIXED, lambda tool, ctx: ctx.run.user_id != "u1"), []),
        (Prefixed(FIXED, "web"), ["web_search", "web_send", "web_fetch"]),
        (Joined(Fixed(search), Prefixed(Fixed(search), "b")), ["search", "b_search"]),
        (Prefixed(Joined(Prefixed(Fixed(search), "a")), "b"), ["b_a_search"]),
        (Renamed(FIXED, {"search": "find", "nothing": "x"}), ["find", "send", "fetch"]),
        (Deferred(Fixed(search, fetch), always=["fetch"]), ["tool_search", "fetch", "search"]),
    ],
    ids=repr,
)
async def test_sets(tools: ToolSet, names: list[str], ctx: Context[Any]) -> None:
    assert [each.name for each in await tools.tools(ctx)] == names
    assert isinstance(tools, ToolSet)


async def test_a_prefix_changes_the_name_only(ctx: Context[Any]) -> None:
    (renamed,) = await Prefixed(Fixed(send), "mail").tools(ctx)
    assert (renamed.effect, renamed.approval, renamed.call) == ("once", True, send.tool.call)
    assert (await renamed.call({"to": "Ada"}, ctx)).content == "sent Ada"
    assert send.tool.name == "send"


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        (Fixed(search, search), r"two tools are called 'search', one of Fixed\(search, search\)"),
        (
            Joined(Fixed(search, send), Prefixed(Fixed(fetch), "x"), Fixed(search)),
            r"'search', one of Fixed\(search, send\) and one of Fixed\(search\)",
        ),
    ],
    ids=repr,
)
async def test_two_of_one_name(tools: ToolSet, words: str, ctx: Context[Any]) -> None:
    with pytest.raises(UsageError, match=words):
        await tools.tools(ctx)


async def test_fixed_builds_its_tools_once(ctx: Context[Any]) -> None:
    assert await FIXED.tools(ctx) is await FIXED.tools(ctx)


async def test_two_that_were_renamed_to_one(ctx: Context[Any]) -> None:
    with pytest.raises(UsageError, match="two tools are called 'send'"):
        await Renamed(FIXED, {"search": "send"}).tools(ctx)


async def test_a_name_that_would_be_too_long(ctx: Context[Any]) -> None:
    (one,) = await Prefixed(Fixed(search), "x" * 70).tools(ctx)
    assert len(one.name) == 64


async def test_a_person_is_asked_first(ctx: Context[Any]) -> None:
    always = {each.name: each for each in await ApprovalRequired(FIXED).tools(ctx)}
    assert [each.approval for each in always.values()] == [True, True, True]
    some = ApprovalRequired(FIXED, lambda tool, arguments: tool.name == "fetch" and "intra" in arguments["url"])
    found = {each.name: each for each in await some.tools(ctx)}
    assert found["send"].approval is True
    assert found["fetch"].approval({"url": "http://intra/"}) is True
    assert found["fetch"].approval({"url": "http://x/"}) is False
    assert (await some.tools(ctx))[0] is found["search"]


@pytest.mark.usefixtures("warm")
async def test_the_same_wrappers_over_an_mcp_server(ctx: Context[Any]) -> None:
    server = MCP(python(Path(__file__).parent / "mcp" / "server.py"))
    wrapped = Deferred(Cached(ApprovalRequired(Prefixed(server, "srv"))))
    try:
        names = [each.name for each in await wrapped.tools(ctx)]
        assert names[0] == "tool_search"
        assert all(name.startswith("srv_") for name in names[1:])
        assert [each.approval for each in await wrapped.tools(ctx)][1:] == [True] * (len(names) - 1)
        assert [each.name for each in offered(await wrapped.tools(ctx), ())] == ["tool_search"]
        found = (await (await wrapped.tools(ctx))[0].call({"query": names[1].replace("_", " ")}, ctx)).content
        assert names[1] in found
    finally:
        await close_connections()
