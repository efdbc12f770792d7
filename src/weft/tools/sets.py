"""Sets of tools made of sets: fixed, joined, filtered, prefixed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from weft.engine.context import Context
from weft.errors import UsageError
from weft.tools.base import Tool, ToolSet
from weft.tools.function import as_tool, name_of


class Fixed:
    """Always the same tools; they are built when they are asked for first."""

    def __init__(self, *members: Tool | Callable[..., Any]) -> None:
        self._members = members
        self._tools: tuple[Tool, ...] | None = None

    def __repr__(self) -> str:
        return f"Fixed({', '.join(name_of(member) for member in self._members)})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        """Raises: UsageError, where two have one name."""
        if self._tools is None:
            self._tools = tuple(_distinct((as_tool(member), self) for member in self._members))
        return self._tools


class Joined:
    """All tools of several sets."""

    def __init__(self, *sets: ToolSet) -> None:
        self._sets = sets

    def __repr__(self) -> str:
        return f"Joined({', '.join(map(repr, self._sets))})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        """Raises: UsageError, where two have one name."""
        found = [(member, source) for source in self._sets for member in await source.tools(ctx)]
        return list(_distinct(iter(found)))


class Filtered:
    """The tools of a set that ``keep`` says yes to, in this run."""

    def __init__(self, inner: ToolSet, keep: Callable[[Tool, Context[Any]], bool]) -> None:
        self._inner = inner
        self._keep = keep

    def __repr__(self) -> str:
        return f"Filtered({self._inner!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        return [member for member in await self._inner.tools(ctx) if self._keep(member, ctx)]


class Prefixed:
    """The tools of a set under other names: ``prefix_name``."""

    def __init__(self, inner: ToolSet, prefix: str) -> None:
        self._inner = inner
        self._prefix = prefix

    def __repr__(self) -> str:
        return f"Prefixed({self._inner!r}, {self._prefix!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        return [
            replace(member, spec=replace(member.spec, name=f"{self._prefix}_{member.name}"))
            for member in await self._inner.tools(ctx)
        ]


def _distinct(found: Iterator[tuple[Tool, ToolSet]]) -> Iterator[Tool]:
    seen: dict[str, ToolSet] = {}
    for member, source in found:
        if member.name in seen:
            raise UsageError(
                f"two tools are called {member.name!r}, one of {seen[member.name]!r} and one of {source!r}: "
                "rename one, or wrap its set in Prefixed"
            )
        seen[member.name] = source
        yield member
