"""What a tool is, and where tools come from."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from weft.engine.context import Context
from weft.messages import Json, Media, ToolSpec

Effect: TypeAlias = Literal["read", "idempotent", "once"]
"""What a second call would do: nothing to the world, the same again, or harm."""
Approval: TypeAlias = bool | Callable[[Json], bool | Awaitable[bool]]


class Returned(Struct, frozen=True, kw_only=True):
    """What a tool gave back: words for the model, and pictures, sounds or files."""

    content: str
    media: tuple[Media, ...] = ()


class Tool(Struct, frozen=True, kw_only=True):
    """One thing that a model may do."""

    spec: ToolSpec
    call: Callable[[Json, Context[Any]], Awaitable[Returned]]
    """Raises ``ToolRetry`` for bad arguments and ``ToolFailed`` for a failure; both reach the model as words."""
    check: Callable[[Json], Any] | None = None
    """Raises ``ToolRetry`` for arguments that it will not take: then no person is asked about them."""
    effect: Effect = "idempotent"
    approval: Approval = False
    """Whether a person must say yes before a call: always, never, or as a function of the arguments says."""
    reconcile: Callable[[Context[Any], Json], Any] | None = None
    """Of a ``once`` tool whose call may or may not have happened: what came of it, or ``NOT_DONE``."""
    timeout: float | None = 60.0
    """Seconds."""
    deferred: bool = False
    """Whether a model is told of it only once it has found it (``weft.tools.search``)."""
    trusted: bool = False
    """Whether you vouch for all that it gives back: nobody else can have written any of it."""

    @property
    def name(self) -> str:
        return self.spec.name


@runtime_checkable
class ToolSet(Protocol):
    """Where tools come from. The list may change from turn to turn."""

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]: ...
