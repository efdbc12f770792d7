"""What a run is before it begins: its record, and its place among the runs of its thread that wait in this process."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, get_args
from weakref import WeakValueDictionary

from msgspec import Struct

from weft.errors import UsageError
from weft.ids import new_id, same_id
from weft.runtime import codec
from weft.runtime.commands import Breakpoint, SetBreakpoints, check, dump_command
from weft.runtime.limits import Limits, dump_limits
from weft.runtime.origin import INPUT, Origin, dump
from weft.storage.base import RunRecord, Scope
from weft.storage.commands import IfBusy, NewCommand


class Start(Struct, frozen=True, kw_only=True):
    """How a run begins, beside what it runs on."""

    if_busy: IfBusy = "enqueue"
    breakpoints: Sequence[Breakpoint] = ()
    limits: Limits | None = None
    """They hold beside those of the target."""

    def __post_init__(self) -> None:
        """Raises: UsageError (nobody knows what ``if_busy`` means)."""
        if self.if_busy not in get_args(IfBusy):
            raise UsageError(f"`if_busy` is one of {', '.join(get_args(IfBusy))}; not {self.if_busy!r}")

    def commands(self, by: str) -> list[NewCommand]:
        """What is in its inbox from the start.

        Raises:
            UsageError: a breakpoint could never hold anything.
        """
        if not self.breakpoints:
            return []
        command = SetBreakpoints(breakpoints=tuple(self.breakpoints))
        check(command)
        return [dump_command(command, by)]


def usual(if_busy: IfBusy | Mapping[str, IfBusy]) -> Mapping[str, IfBusy]:
    """By the names of targets; that of all others under ``""``. Raises: UsageError."""
    named: Mapping[str, IfBusy] = if_busy if isinstance(if_busy, Mapping) else {"": if_busy}
    for one in named.values():
        Start(if_busy=one)
    return named


PLAIN = Start()


def new_run(
    target: str,
    input: Any,
    scope: Scope,
    thread: str | None,
    key: str | None = None,
    origin: Origin = INPUT,
    limits: Limits | None = None,
) -> RunRecord:
    """A run that is not on record yet.

    Raises:
        StateError: the input cannot be stored.
    """
    user = scope.user or "local"
    return RunRecord(
        id=new_id("run"),
        thread_id=thread or (new_id("thread") if key is None else same_id("thread", scope.workspace, user, key)),
        target=target,
        workspace=scope.workspace,
        user_id=user,
        input=codec.encode(input, "input"),
        idempotency_key=key,
        origin=dump(origin),
        limits=dump_limits(limits),
    )


class Lines:
    """Runs that their callers wait for stand in line by thread: only the first asks the store again and again."""

    def __init__(self) -> None:
        self._heads: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def head(self, record: RunRecord) -> asyncio.Lock:
        """To be held by the first of the line. Those behind wait until it is released."""
        return self._heads.setdefault(record.thread_id, asyncio.Lock())
