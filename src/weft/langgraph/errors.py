"""What may go wrong or be passed up, as ``langgraph.errors`` offers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from weft.engine.context import Asked, Interrupted
from weft.langgraph.words import Command, Interrupt


class EmptyChannelError(Exception):
    """Nothing was written to it yet."""


class GraphRecursionError(RecursionError):
    """More steps than ``recursion_limit``, and it has not come to its end."""


class InvalidUpdateError(Exception):
    """A node gave what the state cannot take."""


class EmptyInputError(Exception):
    """There is nothing to begin with."""


class GraphBubbleUp(BaseException):
    """What leaves a node on its way up, and is not an error."""


class GraphInterrupt(Interrupted, GraphBubbleUp):
    """A node waits. Not an ``Exception``, so that nobody swallows it by mistake."""

    def __init__(self, interrupts: Sequence[Interrupt] = ()) -> None:
        super().__init__(tuple([Asked(one.id, (), one, None) for one in interrupts]))
        self.args = (tuple(interrupts),)


class NodeInterrupt(GraphInterrupt):
    """An interrupt that a node raises itself; ``interrupt`` is the better way."""

    def __init__(self, value: Any, id: str | None = None) -> None:
        super().__init__([Interrupt(value) if id is None else Interrupt(value, id)])
        self.value, self.id = value, id


class ParentCommand(GraphBubbleUp):
    """A command for the graph around this one."""

    def __init__(self, command: Command[Any]) -> None:
        super().__init__(command)
        self.command = command


class LostCommand(ParentCommand, Exception):
    """A command for the graph around one that has none."""


class GraphDrained(GraphBubbleUp):
    """A run stopped before its next step because its ``RunControl`` was asked to; it can be gone on with."""

    def __init__(self, reason: str = "shutdown") -> None:
        super().__init__(reason)
        self.reason = reason


class NodeCancelledError(Exception):
    """A node raised ``CancelledError`` itself: nobody had cancelled it."""

    def __init__(self, node: str) -> None:
        super().__init__(f"Node '{node}' raised asyncio.CancelledError.")
        self.node = node


@dataclass(frozen=True, slots=True)
class NodeError:
    """What an error handler of a node is told."""

    node: str
    error: BaseException


class NodeTimeoutError(Exception):
    """A node took longer than its ``TimeoutPolicy`` lets it. Times in seconds."""

    def __init__(
        self,
        node: str,
        elapsed: float,
        *,
        kind: Literal["idle", "run"],
        idle_timeout: float | None = None,
        run_timeout: float | None = None,
    ) -> None:
        limit = idle_timeout if kind == "idle" else run_timeout
        assert limit is not None
        without = " without making progress" if kind == "idle" else ""
        super().__init__(
            f"Node '{node}' exceeded its {kind} timeout of {limit:.3f}s{without} (elapsed: {elapsed:.3f}s)."
        )
        self.node, self.elapsed, self.kind, self.timeout = node, elapsed, kind, limit
        self.idle_timeout, self.run_timeout = idle_timeout, run_timeout


def innermost(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group, or in the groups in it."""
    found = group.exceptions[0]
    return innermost(cast("Any", found)) if isinstance(found, BaseExceptionGroup) else found


__all__ = [
    "EmptyChannelError",
    "EmptyInputError",
    "GraphBubbleUp",
    "GraphDrained",
    "GraphInterrupt",
    "GraphRecursionError",
    "InvalidUpdateError",
    "NodeCancelledError",
    "NodeError",
    "NodeInterrupt",
    "NodeTimeoutError",
    "ParentCommand",
]
