"""Sets of tools made of sets."""

from typing import Any

import pytest

from weft.engine.context import Context
from weft.errors import UsageError
from weft.tools.base import ToolSet
from weft.tools.function import tool
from weft.tools.sets import Filtered, Fixed, Joined, Prefixed


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
