"""Rows of the inbox: what people ask of runs from outside, and how each run is steered for it."""

from typing import Literal, TypeAlias

from msgspec import Struct

IfBusy: TypeAlias = Literal["reject", "enqueue", "interrupt", "rollback"]
"""What becomes of a new run whose thread is busy."""


class NewCommand(Struct, frozen=True, kw_only=True):
    """Something asked of a run."""

    kind: str
    by: str
    """Who asks."""
    body: bytes
    """JSON, as ``runtime.commands`` writes it."""
    wakes: bool = False
    """Whether a paused run is to be driven for it."""


class CommandRow(Struct, frozen=True, kw_only=True, gc=False):
    """A command on record."""

    number: int
    """1, 2, 3 ... in the run, without gaps."""
    at: float
    kind: str
    by: str
    body: bytes


class SteeringRow(Struct, frozen=True, kw_only=True, gc=False):
    """How a run is steered now: replaced with the commit that takes a command, or acts on an earlier one."""

    taken: int = 0
    """The number of the last command that was taken: it and those before it are never taken again."""
    held: bool = False
    """Whether the run may not go on by itself: no other run of its thread may begin meanwhile."""
    body: bytes = b"{}"
