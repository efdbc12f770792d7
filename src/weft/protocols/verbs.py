"""The verb of an app for those who serve it over MCP."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from weft.engine.context import Target
from weft.errors import NotFound, UsageError

if TYPE_CHECKING:
    from weft.protocols.mcp.bearer import Admit
    from weft.protocols.mcp.calls import Called
    from weft.protocols.mcp.serving import Serving


class ServedOverMcp(ABC):
    """What an app is to MCP clients."""

    workspace: str
    _beside: "dict[str, Called]"
    """What can be run beside the app's targets: tools and prompts that are served by themselves."""

    @abstractmethod
    def targets(self) -> dict[str, Target]: ...

    @abstractmethod
    async def __aenter__(self) -> Any: ...

    @abstractmethod
    async def __aexit__(self, *_: object) -> None: ...

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def stop(self, grace: float = 5.0) -> None: ...

    def mcp(
        self,
        targets: Sequence[str] | None = None,
        *,
        tools: Sequence[Any] = (),
        resources: Sequence[Any] = (),
        prompts: Sequence[Any] = (),
        name: str = "weft",
        instructions: str = "",
        tokens: Mapping[str, str] | None = None,
        admit: "Admit | None" = None,
        hosts: Sequence[str] | None = None,
        origins: Sequence[str] = (),
        key: bytes | None = None,
    ) -> "Serving":
        """An MCP server: agents and graphs (all, or ``targets`` by name), tools, resources and prompts.

        The result is an ASGI application, alone or mounted, and serves stdio by ``await app.mcp().stdio()``.
        ``tools`` are functions and ``Tool`` values, ``resources`` and ``prompts`` are made by
        ``weft.protocols.mcp.resource`` and ``prompt``.
        ``tokens`` are bearer tokens and whose they are; or ``admit`` says whose a request is. It answers to the host
        names of this machine, or to ``hosts``, and to pages of ``origins``. ``key`` (32 bytes) seals the state of calls
        that wait for an answer: give the same to several processes.

        Raises:
            NotFound: there is no such target.
            UsageError: two things share a name, or something is no tool.
        """
        from weft.protocols.mcp.bearer import Bearer  # noqa: PLC0415  # only who serves over MCP needs them
        from weft.protocols.mcp.offer import offer  # noqa: PLC0415
        from weft.protocols.mcp.serving import LOCAL, Serving  # noqa: PLC0415

        known = self.targets()
        if targets is not None and (missing := [one for one in targets if one not in known]):
            raise NotFound(f"nothing here is called {missing[0]!r}; there is: {', '.join(sorted(known)) or 'nothing'}")
        chosen = known if targets is None else {one: known[one] for one in targets}
        if tokens is not None:
            admit = Bearer(tokens, workspace=self.workspace)
        serving = Serving(
            self,  # pyright: ignore[reportArgumentType]  # an app has the verbs of a desk
            offer(chosen, tools, resources, prompts, taken=("answer",)),
            self._living,
            name=name,
            instructions=instructions,
            admit=admit,
            hosts=LOCAL if hosts is None else (*LOCAL, *hosts),
            origins=origins,
            key=key,
        )
        for target in serving.targets():
            if not self._beside.setdefault(target.name, target).same(target):
                raise UsageError(f"this app serves another {target.name!r} over MCP already: rename one")
        return serving

    @asynccontextmanager
    async def _living(self) -> AsyncGenerator[None]:
        """Open, and working its queue."""
        async with self:
            await self.start()
            try:
                yield
            finally:
                await self.stop()
