"""Runs a run again from its record, on a thread of its own that begins where that run began."""

from typing import Any, NamedTuple

import msgspec

from weft.engine.graph import Graph
from weft.errors import NotFound, UsageError
from weft.ids import new_id
from weft.runtime.diffing import steps_of
from weft.runtime.forks import fork
from weft.runtime.history import Moment, history
from weft.runtime.origin import Origin, origin_of
from weft.runtime.repeats import Left
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
    confirm: bool,
    run_nodes: bool,
) -> Replay:
    """Make the thread to replay run ``run_id`` on. ``until`` and ``live_from`` are steps of that run.

    With ``confirm`` effects that must happen once may be repeated unasked.

    Raises:
        NotFound: no such run.
        UsageError: it never began.
    """
    record = await store.runs.get(scope, run_id)
    steps = await steps_of(store, scope, record)
    if not steps:
        raise UsageError(f"run {run_id} left no step to replay: it never began, or its steps are forgotten")
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
        left=() if live_from is None or confirm else (Left(record.thread_id, record.target, live_from, run=run_id),),
        run_nodes=run_nodes,
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
