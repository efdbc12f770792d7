"""What an app offers to MCP clients: a frozen list of agents, graphs, tools, resources and prompts."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, wraps
from inspect import isawaitable, iscoroutinefunction
from typing import Any, TypeAlias, cast, get_type_hints
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from weft.engine.context import Target
from weft.errors import UsageError
from weft.messages import Media
from weft.tools.base import Returned, Tool, ToolSet
from weft.tools.function import Function, name_of
from weft.tools.function import tool as made_tool
from weft.tools.results import returned
from weft.tools.threads import in_thread

Completions: TypeAlias = Mapping[str, Sequence[str] | Callable[[str], Sequence[str] | Awaitable[Sequence[str]]]]
"""For arguments by name: what they may be, or a function of what was typed so far."""

_HOLE = re.compile(r"\{(\w+)\}")
_LIKE_A_PATH = re.compile(r"(^|[/\\])\.\.?($|[/\\])|[\x00/\\]")


class Reader(Struct, frozen=True):
    """Whose request it is. A parameter of a resource's function with this type is given it, and is no part of an
    address."""

    user: str
    workspace: str


class Resource(Struct, frozen=True, kw_only=True):
    """Something to read, at an address; with ``{names}`` in it a template for many."""

    uri: str
    read: Callable[..., Any]
    """Gets the names of the address as text; gives text, bytes, ``Media``, or anything that has a JSON form."""
    name: str
    description: str = ""
    mime: str | None = None
    complete: Completions = {}

    @property
    def template(self) -> bool:
        return "{" in self.uri

    def match(self, uri: str) -> dict[str, str] | None:
        """What stands for the names in an address of this template. Nothing that leads to another folder does.

        >>> Resource(uri="note://{name}/text", read=str, name="note").match("note://a%20b/text")
        {'name': 'a b'}
        """
        pattern = "".join(
            f"(?P<{piece}>[^/]+)" if number % 2 else re.escape(piece)
            for number, piece in enumerate(_HOLE.split(self.uri))
        )
        found = re.fullmatch(pattern, uri)
        if found is None:
            return None
        given = {name: unquote(value) for name, value in found.groupdict().items()}
        return None if any(_LIKE_A_PATH.search(value) for value in given.values()) else given

    async def content(self, given: Mapping[str, str], reader: Reader) -> Returned | bytes:
        """What is there now, for this reader. Raises: whatever its function raises."""
        named = {**given, **dict.fromkeys(_readers(self.read), reader)}
        if iscoroutinefunction(self.read):
            value: Any = await self.read(**named)
        else:
            value = await in_thread(lambda: self.read(**named))
            value = await value if isawaitable(value) else value
        return value if isinstance(value, bytes) else returned(value)


@lru_cache(maxsize=256)
def _readers(read: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters that are given the reader."""
    try:
        hints = get_type_hints(read)
    except (NameError, TypeError):  # its types mean something only to its author, or it is no function
        return ()
    return tuple([name for name, type in hints.items() if type is Reader and name != "return"])


class Prompt(Struct, frozen=True, kw_only=True):
    """Words that a person may choose to begin with, made by a function."""

    tool: Tool
    complete: Completions = {}

    @property
    def name(self) -> str:
        return self.tool.name


def resource(
    uri: str,
    *,
    name: str | None = None,
    description: str | None = None,
    mime: str | None = None,
    complete: Completions | None = None,
) -> Callable[[Callable[..., Any]], Resource]:
    """The decorated function reads what is at ``uri``. A parameter of type ``Reader`` says whose request it is.

    >>> @resource("note://{name}")
    ... def note(name: str) -> str:
    ...     "A note."
    ...     return f"the note {name}"
    >>> note.template, note.description
    (True, 'A note.')
    """

    def made(read: Callable[..., Any]) -> Resource:
        words = (read.__doc__ or "").strip() if description is None else description
        return Resource(
            uri=uri, read=read, name=name or name_of(read), description=words, mime=mime, complete=complete or {}
        )

    return made


def prompt(
    *, name: str | None = None, description: str | None = None, complete: Completions | None = None
) -> Callable[[Callable[..., Any]], Prompt]:
    """The decorated function makes a prompt: text, media, or a list of these, each said by the user.

    ``("assistant", ...)`` in the list is said by the other side. Its parameters are texts; ``ctx`` is the run's
    context, by which it may ask the client.

    >>> @prompt()
    ... def greet(who: str) -> str:
    ...     "Greet somebody."
    ...     return f"Say hello to {who}."
    >>> greet.name
    'greet'
    """

    def made(function: Callable[..., Any]) -> Prompt:
        tool = made_tool(_saying(function), name=name or name_of(function), description=description, effect="read")
        return Prompt(tool=tool.tool, complete=complete or {})

    return made


def _saying(function: Callable[..., Any]) -> Callable[..., Any]:
    if iscoroutinefunction(function):

        @wraps(function)
        async def later(*args: Any, **kwargs: Any) -> Returned:
            return said(await function(*args, **kwargs))

        return later

    @wraps(function)
    def now(*args: Any, **kwargs: Any) -> Returned:
        return said(function(*args, **kwargs))

    return now


def said(value: Any) -> Returned:
    """A prompt's messages on their way through a run: who says each, as JSON, and what, as media."""
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    roles: list[str] = []
    media: list[Media] = []
    for item in items:
        pair = cast("tuple[str, Any]", item if isinstance(item, tuple) else ("user", item))
        role, words = pair
        roles.append(role)
        media.append(words if isinstance(words, Media) else Media(mime=SAID, data=returned(words).content.encode()))
    return Returned(content=msgspec.json.encode(roles).decode(), media=tuple(media))


SAID = "text/x-said"
"""The kind of media that is just words of a prompt."""


class Offer(Struct, frozen=True, kw_only=True):
    """All of it."""

    targets: Mapping[str, Target]
    tools: Mapping[str, Tool | Function[..., Any]]
    resources: Sequence[Resource]
    prompts: Mapping[str, Prompt]


def offer(
    targets: Mapping[str, Target],
    tools: Sequence[Any],
    resources: Sequence[Resource],
    prompts: Sequence[Prompt],
    taken: Sequence[str] = (),
) -> Offer:
    """Raises: UsageError: two things share a name, or something is no tool."""
    if sets := [one for one in tools if isinstance(one, ToolSet) and not isinstance(one, Tool | Function)]:
        raise UsageError(f"{sets[0]!r} is a set of tools whose list is made for each run: give it to an agent")
    names = [*targets, *(name_of(one) for one in tools), *taken]
    for what, given in (("tools", names), ("prompts", [one.name for one in prompts])):
        if twice := sorted({name for name in given if given.count(name) > 1}):
            raise UsageError(f"two of the {what} that are served over MCP are called {twice[0]!r}: rename one")
    return Offer(
        targets=targets,
        tools={name_of(one): _ready(one) for one in tools},
        resources=tuple(resources),
        prompts={one.name: one for one in prompts},
    )


def _ready(source: Any) -> Any:
    return cast("Any", source) if isinstance(source, Tool | Function) else Function(source)
