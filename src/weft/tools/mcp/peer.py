"""A connected MCP server, as the rest of Weft sees it: no type of the SDK passes this port."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

from msgspec import Struct

from weft.messages import Json
from weft.tools.base import Returned


class Definition(Struct, frozen=True, kw_only=True):
    """A tool as its server describes it."""

    name: str
    description: str
    parameters: Json
    read_only: bool = False
    idempotent: bool = False


class Reply(Struct, frozen=True, kw_only=True):
    """What a person said to a server's question."""

    action: Literal["accept", "decline", "cancel"]
    content: Json | None = None


class Asking(Protocol):
    """Who answers a server that asks something back while it serves a call."""

    async def elicit(self, message: str, schema: Json | None, url: str | None) -> Reply:
        """A person's answer, or an ``Interrupted`` until there is one."""
        ...

    async def sample(self, request: Json) -> Json:
        """A model's answer to ``sampling/createMessage``.

        Raises:
            ToolFailed: servers may not use models here.
        """
        ...


Progress = Callable[[float, float | None, str | None], None]
"""How far it is, of how much, and words."""


class Lost(Exception):
    """The connection is gone. Whether the call had an effect is unknown."""


class Forgotten(Lost):
    """The server knows our session no more, as one does that began anew. The call had no effect."""


class Peer(Protocol):
    """One connection.

    Everything raises ``ToolFailed`` where the server says no or says nonsense, and ``Lost`` where it is gone.
    """

    instructions: str
    changed: Callable[[], None]
    """Called when the server says that its tools are other ones now."""
    gone: Callable[[str], None]
    """Called with the reason when the connection ends by itself, be it under way or idle."""

    async def alive(self) -> None:
        """Ask it for the least there is."""
        ...

    async def tools(self) -> list[Definition]: ...

    async def call(self, name: str, arguments: Json, asking: Asking, progress: Progress) -> Returned: ...

    async def resources(self) -> list[Json]: ...

    async def read(self, uri: str) -> Returned: ...

    async def prompts(self) -> list[Json]: ...

    async def prompt(self, name: str, arguments: dict[str, str]) -> list[tuple[str, Returned]]: ...

    async def complete(self, ref: Json, argument: dict[str, str], given: dict[str, str]) -> list[str]: ...

    @property
    def about(self) -> dict[str, Any]:
        """Its name, version and protocol."""
        ...
