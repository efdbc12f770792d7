"""Sets of tools made of sets: fixed, joined, filtered, renamed, asking first, careful, cached."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from weft.engine.cache import Cache, InMemory
from weft.engine.context import Context
from weft.errors import UsageError
from weft.messages import Json
from weft.tools.base import Approval, Tool, ToolSet
from weft.tools.careful import Care, careful
from weft.tools.function import as_tool, name_of
from weft.tools.mcp.names import safe


class Fixed:
    """Always the same tools; they are built when they are asked for first."""

    def __init__(self, *members: Tool | Callable[..., Any]) -> None:
        self._members = members
        self._tools: tuple[Tool, ...] | None = None

    def __repr__(self) -> str:
        return f"Fixed({', '.join(name_of(member) for member in self._members)})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        """Raises: UsageError, where two have one name."""
        return self.built

    @property
    def built(self) -> tuple[Tool, ...]:
        """The tools, which need no context. Raises: UsageError."""
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


class Mapped:
    """The tools of a set, each made into another one; again only where it is not the one it was."""

    def __init__(self, inner: ToolSet, change: Callable[[Tool], Tool], shown: str = "Mapped") -> None:
        self._inner, self._change, self._shown = inner, change, shown
        self._made: dict[str, tuple[Tool, Tool]] = {}

    def __repr__(self) -> str:
        return f"{self._shown}({self._inner!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        return [self._changed(member) for member in await self._inner.tools(ctx)]

    def _changed(self, member: Tool) -> Tool:
        known = self._made.get(member.name)
        if known is None or known[0] is not member:
            known = self._made[member.name] = (member, self._change(member))
        return known[1]


class Renamed(Mapped):
    """The tools of a set, some under other names: ``{"old": "new"}``."""

    def __init__(self, inner: ToolSet, names: Mapping[str, str]) -> None:
        super().__init__(inner, lambda member: _named(member, names.get(member.name, member.name)), "Renamed")
        self._names = dict(names)

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        """Raises: UsageError, where two have one name by now."""
        return list(_distinct((member, self) for member in await super().tools(ctx)))


class Prefixed(Mapped):
    """The tools of a set under other names: ``prefix_name``."""

    def __init__(self, inner: ToolSet, prefix: str) -> None:
        super().__init__(inner, lambda member: _named(member, f"{prefix}_{member.name}"))
        self._prefix = prefix

    def __repr__(self) -> str:
        return f"Prefixed({self._inner!r}, {self._prefix!r})"


class ApprovalRequired(Mapped):
    """The tools of a set, where a person must say yes before each call, or before those that ``when`` says yes to.

    ``when`` is given the tool and the arguments. What asked before goes on asking.
    """

    def __init__(self, inner: ToolSet, when: Callable[[Tool, Json], bool] | None = None) -> None:
        super().__init__(inner, lambda member: replace(member, approval=_asking(member, when)), "ApprovalRequired")


class Careful(Mapped):
    """The tools of a set, called with retries, a circuit breaker, a cache or a limit of calls at the same time.

    A tool that must happen once is neither tried again nor cached.
    """

    def __init__(self, inner: ToolSet, care: Care) -> None:
        super().__init__(inner, lambda member: careful(member, _possible(member, care)), "Careful")


class Cached(Careful):
    """The tools of a set that only read; what they gave is kept for ``ttl`` seconds, by user and arguments."""

    def __init__(self, inner: ToolSet, ttl: float | None = 300.0, *, most: int = 1000) -> None:
        kept = InMemory(most)
        super().__init__(inner, Care(cache=Cache(ttl=ttl, kept=kept)))
        self._shown = "Cached"

    def _changed(self, member: Tool) -> Tool:
        return super()._changed(member) if member.effect == "read" else member


def _named(member: Tool, name: str) -> Tool:
    return member if member.name == name else replace(member, spec=replace(member.spec, name=safe(name)))


def _asking(member: Tool, when: Callable[[Tool, Json], bool] | None) -> Approval:
    if when is None or member.approval is True:
        return True
    before = member.approval
    return lambda arguments: True if when(member, arguments) else bool(before) and before(arguments)


def _possible(member: Tool, care: Care) -> Care:
    return replace(care, retry=None, cache=None) if member.effect == "once" else care


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
