"""Runs a run again from its record, on a thread of its own that begins where that run began."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import msgspec

from weft import events
from weft.engine.graph import Graph
from weft.engine.step import step_of
from weft.errors import NotFound, UsageError
from weft.events import Envelope
from weft.ids import new_id
from weft.runtime.diffing import steps_of
from weft.runtime.forks import fork
from weft.runtime.history import Moment, history
from weft.runtime.origin import Origin, origin_of
from weft.runtime.replaying import all_events
from weft.storage.base import RunRecord, Scope, Store


class Replay(NamedTuple):
    """A run that is about to be replayed."""

    thread_id: str
    input: Any
    origin: Origin


async def prepare(
    store: Store,
    scope: Scope,
    graph: Graph,
    run_id: str,
    *,
    until: int | None,
    live_from: int | None,
    once: Collection[str] | None,
) -> Replay:
    """Make the thread to replay run ``run_id`` on. ``until`` and ``live_from`` are steps of that run.

    ``once`` are the tools whose effects must not be repeated unasked; ``None`` where somebody has agreed to it.

    Raises:
        NotFound: no such run.
        UsageError: it never began, or going live would repeat what has happened.
    """
    record = await store.runs.get(scope, run_id)
    steps = await steps_of(store, scope, record)
    if not steps:
        raise UsageError(f"run {run_id} left no step to replay: it never began, or its steps are forgotten")
    if live_from is not None and once is not None:
        happened = await effects_from(store, scope, run_id, live_from, once)
        if happened:
            told = ", ".join(happened)
            raise UsageError(
                f"going live from step {live_from} may repeat what has happened: {told}; confirm that it may"
            )
    base = await _base(store, scope, record, steps[0])
    thread_id, shift = new_id("thread"), 1 - steps[0].step
    if base is not None:
        made = await fork(store, scope, graph, record.thread_id, record.target, at=base.step, into=thread_id)
        shift = made.step - base.step
    origin = Origin(
        kind="replay",
        run=run_id,
        steps=shift,
        going_on=origin_of(record).kind == "go_on" or origin_of(record).going_on,
        until=None if until is None else until + shift,
        live_from=None if live_from is None else live_from + shift,
    )
    return Replay(thread_id, await _input(store, scope, record), origin)


async def _base(store: Store, scope: Scope, record: RunRecord, first: Moment) -> Moment | None:
    """Where the thread stood before the run."""
    before = await history(store, scope, record.thread_id, record.target, before=first.step, limit=1)
    return before[0] if before else None


async def _input(store: Store, scope: Scope, record: RunRecord) -> Any:
    """What the run was given: it may be the first of its messages by now."""
    if not record.first_message:
        return msgspec.json.decode(record.input)
    first = record.first_message
    rows = await store.threads.messages(scope, record.thread_id, after=first - 1, before=first + 1, limit=1)
    if not rows:
        raise NotFound(f"the input of run {record.id} is gone")
    return msgspec.json.decode(rows[0].body)


async def effects_from(store: Store, scope: Scope, run_id: str, step: int, once: Collection[str]) -> list[str]:
    """The calls of tools in ``once`` that a run made from a step of its target on, with their steps."""
    return effects(await all_events(store, scope, run_id), once, lambda at: at >= step)


def effects(envelopes: Sequence[Envelope], once: Collection[str], counts: Callable[[int], bool]) -> list[str]:
    """The calls of tools in ``once`` at the steps that count."""
    told: list[str] = []
    for envelope in envelopes:
        event = envelope.event
        if isinstance(event, events.ToolFinished) and event.name in once and len(envelope.path) > 1:
            at = step_of(envelope.path[1])
            if counts(at):
                told.append(f"{event.name} at step {at}")
    return told
