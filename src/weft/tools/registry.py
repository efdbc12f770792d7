"""The tools of a workspace as the store keeps them: added, enabled, described, and given to agents."""

import asyncio
import re
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from weft.engine.context import Context
from weft.errors import AccessDenied, NotFound, UsageError, WeftError
from weft.events import Custom
from weft.messages import Json
from weft.security.addresses import Reach
from weft.storage.base import Store
from weft.tools.base import Tool, ToolSet
from weft.tools.catalogue import CATALOGUE, builtin, find
from weft.tools.secrets import SECRET, VARIABLE, is_reference, variable
from weft.tools.sets import ApprovalRequired, Fixed, Joined

Kind: TypeAlias = Literal["builtin", "custom", "mcp"]

FRESH = 2.0
"""Seconds after which a process has seen a change at the latest."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class Registration(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool, or a set of tools, of a workspace."""

    name: str
    kind: Kind
    target: str | tuple[str, ...]
    """A name of the catalogue, ``module:function``, or the address or command of an MCP server."""
    options: Json = {}
    headers: dict[str, str] = {}
    """Of an MCP server; secrets only as ``secret:NAME``, or ``os.environ/NAME`` of a variable that is permitted."""
    approval: bool = False
    """Whether a person must say yes before each call."""
    enabled: bool = True


class Permits(Struct, frozen=True, kw_only=True):
    """What those who add tools from outside may make this process import, start and send out."""

    packages: tuple[str, ...] = ()
    """Python packages, with all that is in them."""
    commands: tuple[str, ...] = ()
    """Programs; ``*`` is any."""
    variables: tuple[str, ...] = ()
    """Of the environment: else whoever adds a tool could have any sent to an address of theirs."""

    hosts: tuple[str, ...] = ()
    """Hosts and networks of MCP servers, beside public addresses; ``*`` is any."""

    @property
    def reach(self) -> tuple[str, ...] | None:
        """As ``MCP`` takes it."""
        return None if "*" in self.hosts else self.hosts

    def check(self, told: Registration) -> None:
        """Raises: UsageError (it cannot be), AccessDenied (it is not permitted here)."""
        if not _NAME.fullmatch(told.name):
            raise UsageError(f"{told.name!r} is no name for a tool: up to 64 letters, digits, _ and -")
        _CHECKS[told.kind](self, told)

    def _builtin(self, told: Registration) -> None:
        entry = find(str(told.target))
        if entry.python:
            raise AccessDenied(f"{entry.name!r} can only be made in Python: it takes a folder or a database of yours")
        if other := sorted(set(told.options) - set(entry.options)):
            raise UsageError(f"{entry.name!r} has no options {other}; it has {list(entry.options)}")
        if not is_reference(str(told.options.get("token", SECRET))):
            raise UsageError("token takes secret:NAME or os.environ/NAME, so that no key is stored")
        for value in told.options.values():
            self._variable(value)

    def _custom(self, told: Registration) -> None:
        target = str(told.target)
        if not _FUNCTION.fullmatch(target):
            raise UsageError(f"{target!r} is not of the form module:function")
        module = target.partition(":")[0]
        if not any(module == each or module.startswith(f"{each}.") for each in self.packages):
            raise AccessDenied(f"functions of {module} may not be added here: set WEFT_TOOL_PACKAGES to allow it")

    def _mcp(self, told: Registration) -> None:
        if isinstance(told.target, str):
            if not told.target.startswith(("http://", "https://")):
                raise UsageError("an MCP server is an address that begins with http, or a command as a list of words")
            if self.reach is not None:
                try:
                    Reach(self.reach).url(told.target)
                except AccessDenied as error:
                    raise AccessDenied(f"{error}; set WEFT_TOOL_HOSTS to allow it") from None
        elif not told.target:
            raise UsageError("the command of an MCP server has at least one word")
        elif "*" not in self.commands and told.target[0] not in self.commands:
            raise AccessDenied(f"{told.target[0]!r} may not be started here: set WEFT_TOOL_COMMANDS to allow it")
        for name, value in told.headers.items():
            if not is_reference(value) and name.lower() in ("authorization", "x-api-key", "cookie"):
                raise UsageError(f"{name} takes secret:NAME or os.environ/NAME, so that no key is stored")
            self._variable(value)

    def _variable(self, value: Any) -> None:
        name = value.removeprefix(VARIABLE) if isinstance(value, str) and value.startswith(VARIABLE) else ""
        if name and name not in self.variables:
            raise AccessDenied(
                f"{name} of the environment may not be sent out here: set WEFT_TOOL_VARIABLES to allow it, or keep it "
                "as a secret of the workspace (secret:NAME)"
            )


_CHECKS = {"builtin": Permits._builtin, "custom": Permits._custom, "mcp": Permits._mcp}  # pyright: ignore[reportPrivateUsage]
_permits = Permits()


def permit(permits: Permits) -> None:
    """From now on ``Enabled`` may make tools of these packages and programs in this process."""
    global _permits  # one process, one answer
    _permits = permits


class Registry:
    """The tools of one workspace."""

    def __init__(self, store: Store, workspace: str, permits: Permits | None = None) -> None:
        self._store, self._workspace = store, workspace
        self._permits = permits or _permits

    async def all(self) -> list[Registration]:
        """What was added or enabled, and what of the catalogue was not, by name."""
        found = {row.name: _decode(row.body) for row in await self._store.tools.all(self._workspace)}
        idle = (each for each in CATALOGUE.values() if each.name not in found and not each.python)
        off = {
            each.name: Registration(name=each.name, kind="builtin", target=each.name, enabled=False) for each in idle
        }
        return [each for _, each in sorted((off | found).items())]

    async def get(self, name: str) -> Registration:
        """Raises: NotFound."""
        for each in await self.all():
            if each.name == name:
                return each
        raise NotFound(f"this workspace has no tool {name!r}")

    async def add(self, told: Registration) -> Registration:
        """Add one that is not there; a function is imported now, so that a mistake shows up at once.

        Raises:
            UsageError: it cannot be a tool.
            AccessDenied: it is not permitted here.
            Conflict: there is one of that name.
        """
        self._permits.check(told)
        if told.kind != "builtin" and told.name in CATALOGUE:
            raise UsageError(f"{told.name!r} is the name of a built-in tool: take another one")
        if told.kind == "custom":
            await asyncio.to_thread(made, told, self._permits)
        await self._store.tools.put(self._workspace, told.name, _encode(told), new=True)
        return told

    async def change(
        self, name: str, *, enabled: bool | None = None, approval: bool | None = None, options: Json | None = None
    ) -> Registration:
        """Enable or disable it, or change how it is called. Raises: NotFound, UsageError, AccessDenied."""
        before = await self.get(name)
        after = replace(
            before,
            enabled=before.enabled if enabled is None else enabled,
            approval=before.approval if approval is None else approval,
            options=before.options if options is None else options,
        )
        if after.enabled or options is not None:
            self._permits.check(after)
        if after.enabled and after.kind == "builtin":
            await asyncio.to_thread(made, after, self._permits)
        await self._store.tools.put(self._workspace, name, _encode(after))
        return after

    async def remove(self, name: str) -> None:
        """Raises: NotFound."""
        await self._store.tools.remove(self._workspace, name)

    async def toolset(self, name: str) -> ToolSet:
        """Its tools, whether or not it is enabled. Raises: NotFound, AccessDenied, UsageError."""
        told = await self.get(name)
        self._permits.check(told)
        return await asyncio.to_thread(made, told, self._permits)


class Enabled:
    """What is enabled in the workspace of a run, for any agent: ``tools=[Enabled()]``.

    Changes are seen within two seconds. What cannot be made is left out, and the run says so (``tools.unavailable``).
    """

    def __init__(self, permits: Permits | None = None) -> None:
        self._permits = permits
        self._known: dict[tuple[str, str], tuple[float, list[Registration]]] = {}
        self._made: dict[bytes, ToolSet] = {}

    def __repr__(self) -> str:
        return "Enabled()"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        """Raises: UsageError, where two have one name."""
        store: Store | None = ctx.run.store
        if store is None:
            return ()
        sets: list[ToolSet] = []
        for told in await self._registered(store, ctx.run.workspace):
            found = await self._of(told)
            if isinstance(found, str):
                ctx.emit(Custom("tools.unavailable", {"name": told.name, "why": found}))
            else:
                sets.append(found)
        return await Joined(*sets).tools(ctx)

    async def _registered(self, store: Store, workspace: str) -> list[Registration]:
        key = (store.url, workspace)
        at, found = self._known.get(key, (0.0, []))
        if time.monotonic() - at > FRESH or not at:
            rows = await store.tools.all(workspace)
            found = [told for told in (_decode(row.body) for row in rows) if told.enabled]
            self._known[key] = (time.monotonic(), found)
        return found

    async def _of(self, told: Registration) -> ToolSet | str:
        key = _encode(told)
        if key not in self._made:
            try:
                permits = self._permits or _permits
                permits.check(told)
                self._made[key] = await asyncio.to_thread(made, told, permits)
            except WeftError as error:
                return str(error)
        return self._made[key]


def made(told: Registration, permits: Permits) -> ToolSet:
    """The tools of a registration, which was checked by ``permits``. Raises: UsageError, NotFound."""
    if told.kind == "builtin":
        tools = builtin(str(told.target), **told.options)
    elif told.kind == "custom":
        tools = _imported(str(told.target))
    else:
        from weft.tools.mcp.toolset import MCP  # noqa: PLC0415  # only for those who use it

        headers = {
            name: variable(value.removeprefix(VARIABLE)) if value.startswith(VARIABLE) else value
            for name, value in told.headers.items()
        }
        if isinstance(told.target, str):
            tools = MCP(told.target, headers=headers, reach=permits.reach)
        else:
            tools = MCP(told.target)
    return ApprovalRequired(tools) if told.approval else tools


def _imported(target: str) -> ToolSet:
    module, _, name = target.partition(":")
    try:
        found: Any = getattr(import_module(module), name)
    except Exception as error:  # it is somebody's code: whatever it does, the words say where
        raise UsageError(f"{target} cannot be imported: {type(error).__name__}: {error}") from error
    if isinstance(found, ToolSet) and not isinstance(found, type):
        return found
    made = Fixed(found)
    _ = made.built  # now, so that a mistake shows up at once
    return made


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Registration).decode
