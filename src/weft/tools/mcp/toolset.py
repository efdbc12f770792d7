"""``MCP``: the tools of an MCP server, for any agent."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from weft.engine.context import Context
from weft.errors import ToolFailed, UsageError
from weft.events import Custom
from weft.messages import Json, ToolSpec
from weft.storage.base import Store
from weft.tools.base import Effect, Returned, Tool
from weft.tools.mcp.address import Address, Era, address
from weft.tools.mcp.connection import Connection, close_connections_to, connection
from weft.tools.mcp.names import safe
from weft.tools.mcp.oauth import OAuth, Show, browse
from weft.tools.mcp.peer import Definition, Forgotten, Lost, Peer, Progress, Reply
from weft.tools.mcp.pins import Pins
from weft.tools.vault import only_vault, vault

Sample = Callable[[Json, Context[Any]], Any]
"""Answers ``sampling/createMessage``: takes its parameters, gives (a promise of) its result, both as MCP has them."""

Elicit = Callable[[str, Json | None], Any]
"""Answers ``elicitation/create`` at once: takes its message and schema (``{"url": ...}`` to send a person there),
gives (a promise of) ``{"action": "accept", "content": ...}``, or ``None``: then it becomes a question of the run."""

_ANSWER: Json = {
    "type": "object",
    "properties": {"action": {"enum": ["accept", "decline"]}, "content": {"type": "object"}},
    "required": ["action"],
}


class Kept(Protocol):
    """An app that is open, as far as it matters here."""

    workspace: str

    @property
    def store(self) -> Store: ...


class MCP:
    """A server's tools. It is started or connected to when it is needed first, once for all runs.

    ``target`` is a URL (streamable HTTP; ``sse=True`` for the transport of 2024) or a command as a list of words.
    ``tools`` names those to offer, else all are. A tool that changes after it was first seen needs a person's
    yes from then on; with ``pins`` (a file) also in the next process. What a server asks a person becomes a question
    of the run, or ``elicit`` answers it at once; without ``sample`` it may not ask our models. ``roots`` are folders
    that it may know of. ``auth`` is how to sign in where that is needed.

    Where the server cannot be reached, a run goes on without its tools and says so (``mcp.unavailable``), unless it
    is ``required``. Where somebody else chose the URL, ``reach`` names the hosts and networks that are connected to
    beside public addresses.

    >>> MCP(["npx", "-y", "@modelcontextprotocol/server-everything"])
    MCP('npx -y @modelcontextprotocol/server-everything')
    """

    def __init__(
        self,
        target: str | Sequence[str],
        *,
        tools: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: OAuth | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        sse: bool = False,
        era: Era = "auto",
        roots: Sequence[str] = (),
        sample: Sample | None = None,
        elicit: Elicit | None = None,
        pins: str | os.PathLike[str] | None = None,
        required: bool = False,
        reach: Sequence[str] | None = None,
        approval: bool = False,
        timeout: float | None = 60.0,
        connect: float = 30.0,
    ) -> None:
        self.address: Address = address(
            target,
            headers=headers,
            auth=auth,
            env=env,
            cwd=cwd,
            sse=sse,
            era=era,
            roots=roots,
            sampling=sample is not None,
            reach=reach,
            connect=connect,
        )
        self._chosen = None if tools is None else tuple(tools)
        self._elicit = elicit
        self._sample, self._required, self._approval, self._timeout = sample, required, approval, timeout
        self._pins = Pins(str(self.address), pins)
        self._made: tuple[Connection, int, list[Tool]] | None = None

    def __repr__(self) -> str:
        return f"MCP({str(self.address)!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        """Raises: ToolFailed (it is ``required``, and cannot be reached); UsageError (a named tool is none)."""
        here = connection(self.address, vault(ctx.run.store, ctx.run.workspace))
        if self._made is not None and self._made[0] is here and self._made[1] == here.version:
            return self._made[2]
        try:
            definitions = await _with(here, lambda peer: here.tools())
        except ToolFailed as error:
            if self._required:
                raise
            ctx.emit(Custom("mcp.unavailable", {"server": str(self.address), "why": str(error)}))
            return self._made[2] if self._made is not None else ()
        tools = [self._tool(one) for one in self._offered(definitions)]
        self._made = (here, here.version, tools)
        return tools

    async def resources(self, *, app: Kept | None = None) -> list[Json]:
        """What can be read, as the server describes it. Raises: ToolFailed."""
        return await _with(self._of(app), lambda peer: peer.resources())

    async def read(self, uri: str, *, app: Kept | None = None) -> Returned:
        """A resource. Raises: ToolFailed."""
        return await _with(self._of(app), lambda peer: peer.read(uri))

    async def prompts(self, *, app: Kept | None = None) -> list[Json]:
        """The prompts that it offers. Raises: ToolFailed."""
        return await _with(self._of(app), lambda peer: peer.prompts())

    async def prompt(self, name: str, **arguments: str) -> list[tuple[str, Returned]]:
        """A prompt as (role, content). Raises: ToolFailed."""
        return await _with(self._of(None), lambda peer: peer.prompt(name, arguments))

    async def complete(self, ref: Json, argument: str, value: str, **given: str) -> list[str]:
        """How an argument of a prompt or a resource template may go on. Raises: ToolFailed."""
        return await _with(self._of(None), lambda peer: peer.complete(ref, {"name": argument, "value": value}, given))

    @property
    def state(self) -> dict[str, Any]:
        """Whether it is connected in this event loop, to what, and what went wrong last."""
        return self._of(None).state

    async def sign_in(self, show: Show | None = None, *, app: Kept | None = None) -> None:
        """Let a person sign in at the server: ``show`` is given the address (by default a browser opens it here).

        The tokens are kept, sealed, in the store of the ``app``, and used and refreshed by all of its later calls. It
        need not be named where one app is open in this event loop, or none: then they are forgotten with the process.

        Raises:
            ToolFailed: they did not, or the server refused.
            UsageError: this server was not given ``auth=OAuth(...)``; or several apps are open, and none was named.
        """
        await self._of(app).sign_in(show or browse)

    async def close(self) -> None:
        """End the connections of this event loop to it; the next use opens another."""
        await close_connections_to(self.address)

    def _of(self, app: Kept | None) -> Connection:
        """The connection of an app, for who is not in a run."""
        if app is not None:
            return connection(self.address, vault(app.store, app.workspace))
        return connection(self.address, only_vault() if self.address.auth is not None else vault(None, ""))

    def _offered(self, definitions: Sequence[Definition]) -> list[Definition]:
        if self._chosen is None:
            return list(definitions)
        known = {one.name: one for one in definitions}
        if missing := [name for name in self._chosen if name not in known]:
            raise UsageError(f"{self!r} has no tools {missing}; it has {sorted(known)}")
        return [known[name] for name in self._chosen]

    def _tool(self, definition: Definition) -> Tool:
        changed = self._pins.changed(definition)

        async def call(arguments: Json, ctx: Context[Any]) -> Returned:
            if changed:
                self._pins.accept(definition)  # this call was approved by a person who saw the new definition
            return await self._call(definition, arguments, ctx)

        description = definition.description
        return Tool(
            spec=ToolSpec(name=safe(definition.name), description=description, parameters=definition.parameters),
            call=call,
            effect=_effect(definition),
            approval=self._approval or changed,
            timeout=self._timeout,
        )

    async def _call(self, definition: Definition, arguments: Json, ctx: Context[Any]) -> Returned:
        asking = _InRun(ctx, self._sample, self._elicit)
        told = _progress(definition.name, ctx)
        here = connection(self.address, vault(ctx.run.store, ctx.run.workspace))
        return await _with(here, lambda peer: peer.call(definition.name, arguments, asking, told))


async def _with(here: Connection, do: Callable[[Peer], Any]) -> Any:
    """Use the connection; where it turns out to be dead, the call has failed, and the next one gets a new one."""
    try:
        return await _once(here, do)
    except Forgotten:  # nothing was done: in a new session it is
        try:
            return await _once(here, do)
        except Forgotten as lost:
            raise ToolFailed(f"{here.address} forgets its sessions at once") from lost


async def _once(here: Connection, do: Callable[[Peer], Any]) -> Any:
    peer = await here.peer()
    here.calls += 1
    try:
        result = await do(peer)
    except Forgotten as lost:
        here.drop(peer, str(lost), pause=False)
        raise
    except Lost as lost:
        here.drop(peer, str(lost))
        raise ToolFailed(
            f"the connection to {here.address} was lost ({lost}); whether it had an effect is unknown"
        ) from lost
    finally:
        here.calls -= 1
    here.worked()
    return result


def _effect(definition: Definition) -> Effect:
    """What a server says of its tool; where it says nothing, the worst."""
    return "read" if definition.read_only else "idempotent" if definition.idempotent else "once"


def _progress(name: str, ctx: Context[Any]) -> Progress:
    def tell(done: float, total: float | None, message: str | None) -> None:
        ctx.emit(Custom("tool.progress", {"name": name, "done": done, "total": total, "message": message}))

    return tell


class _InRun:
    """Who answers a server's questions: the person behind the run."""

    def __init__(self, ctx: Context[Any], sample: Sample | None, elicit: Elicit | None) -> None:
        self._ctx, self._sample, self._elicit, self._asked = ctx, sample, elicit, 0

    async def elicit(self, message: str, schema: Json | None, url: str | None) -> Reply:
        if self._elicit is not None:
            given = self._elicit(message, schema if url is None else {"url": url})
            given = await given if hasattr(given, "__await__") else given
            if given is not None:
                return msgspec.convert(given, Reply)
        self._asked += 1
        wanted = _ANSWER if schema is None else {**_ANSWER, "properties": {**_ANSWER["properties"], "content": schema}}
        payload = {"kind": "elicitation", "message": message} | ({"url": url} if url else {})
        answer = self._ctx.ask(payload, schema=wanted, key=f"elicit#{self._asked}")
        try:
            return msgspec.convert(answer, Reply)
        except msgspec.ValidationError as error:
            raise ToolFailed(f"the answer to the server's question does not fit: {error}") from None

    async def sample(self, request: Json) -> Json:
        if self._sample is None:
            raise ToolFailed("servers may not use models here")
        given = self._sample(request, self._ctx)
        return await given if hasattr(given, "__await__") else given
