"""Two states or two runs side by side: what differs, and where it began."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import Struct

from weft.events import ThreadForked
from weft.runtime import codec
from weft.runtime.history import ALL, Moment, StateView, history, raw
from weft.runtime.reading import stored_events
from weft.storage.base import RunRecord, Scope, Status, Store

MESSAGES = "messages"
"""The name under which a difference in what was said is told."""


class Difference(Struct, frozen=True, kw_only=True):
    """A channel that differs. ``None`` also stands for a channel without a value."""

    channel: str
    a: Any
    b: Any


class Divergence(Struct, frozen=True, kw_only=True):
    """The first step at which two runs differ."""

    index: int
    """The how-manieth step of both: 0 is the state after the input, or what a fork of the other's thread did first."""
    step_a: int | None
    """Its number in the first run; ``None`` where that run had ended."""
    step_b: int | None
    nodes: tuple[str, ...]
    """What ran in it."""
    differences: tuple[Difference, ...]


class RunsDiff(Struct, frozen=True, kw_only=True):
    """Two runs of a graph, compared step by step by what they wrote and said; not by time, tokens and ids."""

    a: str
    b: str
    status_a: Status
    status_b: Status
    steps_a: int
    steps_b: int
    same: bool
    """Whether they wrote and said the same."""
    divergence: Divergence | None


class StatesDiff(Struct, frozen=True, kw_only=True):
    """Two states of graphs of one kind, compared by what is in them and what was said."""

    a: int
    """The step."""
    b: int
    same: bool
    differences: tuple[Difference, ...]


def diff_states(a: StateView, b: StateView) -> StatesDiff:
    """The channels that differ, then what was said."""
    found = _differing(a, b)
    return StatesDiff(a=a.step, b=b.step, same=not found, differences=found)


def _differing(a: StateView, b: StateView) -> tuple[Difference, ...]:
    found = list(_differences(_plain(a.values), _plain(b.values)))
    said_a, said_b = ([_words(codec.encode(one)) for _, one in state.messages] for state in (a, b))
    if said_a != said_b:
        found.append(Difference(channel=MESSAGES, a=said_a, b=said_b))
    return tuple(found)


class _Line(NamedTuple):
    """What a run did, and where its thread stood before."""

    record: RunRecord
    steps: Sequence[Moment]
    before: Moment | None


async def diff_runs(store: Store, scope: Scope, a: str, b: str) -> RunsDiff:
    """Raises:
    NotFound: there is no such run, or it is not yours.
    """
    one, two = whole = [await _line(store, scope, run) for run in (a, b)]
    divergence = await _divergence(
        store, scope, await _past(store, scope, one, two), await _past(store, scope, two, one)
    )
    return RunsDiff(
        a=a,
        b=b,
        status_a=one.record.status,
        status_b=two.record.status,
        steps_a=len(whole[0].steps),
        steps_b=len(whole[1].steps),
        same=divergence is None,
        divergence=divergence,
    )


async def _divergence(store: Store, scope: Scope, a: _Line, b: _Line) -> Divergence | None:
    for index in range(max(len(a.steps), len(b.steps))):
        here = [line.steps[index] if index < len(line.steps) else None for line in (a, b)]
        told = [
            {} if one is None else await _done(store, scope, line, index)
            for one, line in zip(here, (a, b), strict=True)
        ]
        differences = tuple(_differences(told[0], told[1]))
        if differences or None in here:
            moment = here[0] or here[1]
            return Divergence(
                index=index,
                step_a=here[0].step if here[0] else None,
                step_b=here[1].step if here[1] else None,
                nodes=moment.made_by if moment else (),
                differences=differences,
            )
    return None


async def _line(store: Store, scope: Scope, run_id: str) -> _Line:
    record = await store.runs.get(scope, run_id)
    steps = await steps_of(store, scope, record)
    if not steps:
        return _Line(record, steps, None)
    before = await history(store, scope, record.thread_id, record.target, before=steps[0].step, limit=1)
    return _Line(record, steps, before[0] if before else None)


async def _past(store: Store, scope: Scope, line: _Line, other: _Line) -> _Line:
    """Where ``other`` goes on from a fork in the midst of ``line``, what came after; else all of it."""
    fork = other.before
    if fork is None or fork.source != "fork" or fork.run_id is None:
        return line
    events = await stored_events(store, scope, fork.run_id, limit=3)
    told = next((one.event for one in events if isinstance(one.event, ThreadForked)), None)
    if told is None or (told.source or fork.thread_id) != line.record.thread_id:
        return line
    shared = [step for step in line.steps if step.step <= told.parent]
    if not 0 < len(shared) < len(line.steps):
        return line
    return _Line(line.record, line.steps[len(shared) :], shared[-1])


async def steps_of(store: Store, scope: Scope, record: RunRecord) -> list[Moment]:
    """The checkpoints that a run made of its target, oldest first."""
    found: list[Moment] = []
    before: int | None = None
    while page := await history(store, scope, record.thread_id, record.target, before=before, limit=200):
        found += [moment for moment in page if moment.run_id == record.id]
        before = page[-1].step
        if found and page[-1].run_id != record.id:
            break
    return found[::-1]


async def _done(store: Store, scope: Scope, line: _Line, index: int) -> dict[str, Any]:
    """What a step left: its values as plain JSON, what is to run next, and what was said in it."""
    record, moment = line.record, line.steps[index]
    snapshot = await store.history.at(scope, record.thread_id, record.target, moment.step)
    told: dict[str, Any] = {"next": sorted(moment.next)}
    bodies: dict[str, Any] = {}
    for at, slot in snapshot.slots:
        held = bodies.setdefault(slot.channel, [])
        if slot.op == "set":
            held.clear()
        held.append((at, slot))
    for channel, slots in bodies.items():
        told[channel] = _value(msgspec.structs.replace(snapshot, slots=tuple(slots)), channel)
    before = line.steps[index - 1] if index else line.before
    rows = await store.threads.messages(
        scope, record.thread_id, after=before.head_seq if before else 0, before=moment.head_seq + 1, limit=ALL
    )
    told[MESSAGES] = [_words(row.body) for row in rows if row.run_id == record.id]
    return {name: value for name, value in told.items() if not _is_view(value)}


def _is_view(value: Any) -> bool:
    """The window on a conversation: its numbers differ in any two threads."""
    return isinstance(value, dict) and set(cast("dict[str, Any]", value)) <= {"start", "summary", "skipped"}


def _value(snapshot: Any, channel: str) -> Any:
    """One channel's value; where only its graph could fold it, its base and its updates."""
    try:
        return raw(snapshot).get(channel)
    except Exception:  # any difference in these is one in the value
        return [codec.decode(slot.body) for _, slot in snapshot.slots]


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Sequence[Difference]:
    names = [*a, *(name for name in b if name not in a)]
    return [Difference(channel=name, a=a.get(name), b=b.get(name)) for name in names if a.get(name) != b.get(name)]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: codec.decode(codec.encode(value)) for name, value in values.items()}


def _words(body: bytes) -> Any:
    """A message without its id."""
    message: dict[str, Any] = codec.decode(body)
    message.pop("id", None)
    return message
