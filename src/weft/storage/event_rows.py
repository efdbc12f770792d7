"""The events of a commit as one row: their values in order, times told from one another.

What a run says at every step has a number, and its fields are kept by their places: a number is on disk, and so is
the order of an event's fields. Add at the end of an event or of the table, never change one
(``docs/decisions/0022-events-are-kept-by-place.md``). All other events are kept as the JSON that they are elsewhere.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import NODEFAULT
from msgspec.structs import astuple, fields

from weft import events as e
from weft.messages import Usage
from weft.storage.packing import pack
from weft.storage.rows import EventRow, Happened

NUMBERED: tuple[type[e.Event], ...] = (
    *(e.NodeFinished, e.StepCommitted, e.MessageAdded, e.ModelFinished, e.ToolFinished),
    *(e.RunStarted, e.RunFinished, e.RunResumed, e.NodeFailed, e.ModelFailed, e.ContextCompacted),
)
"""Each by its place in this table."""
_TIMES = ("started_at", "first_piece_at", "ended_at")
_MICRO = 1e6
_unpack = msgspec.msgpack.Decoder(list[Any]).decode


def _defaults(kind: Any) -> tuple[Any, ...]:
    return tuple([one.default if one.default_factory is NODEFAULT else one.default_factory() for one in fields(kind)])


class _Form:
    """How one kind of event is kept."""

    __slots__ = ("defaults", "kind", "names", "number", "times", "usage")

    def __init__(self, number: int, kind: Any) -> None:
        self.kind, self.number, self.defaults = kind, number, _defaults(kind)
        self.names = kind.__struct_fields__
        self.times = tuple([at for at, name in enumerate(self.names) if name in _TIMES])
        self.usage = self.names.index("usage") if kind is e.ModelFinished else None


_FORMS: list[_Form] = [_Form(number, kind) for number, kind in enumerate(NUMBERED)]
_BY_KIND = {form.kind: form for form in _FORMS}
_NODE, _STEP = NUMBERED.index(e.NodeFinished), NUMBERED.index(e.StepCommitted)
_USAGE = _defaults(Usage)


def pack_events(events: Sequence[Happened]) -> bytes:
    """Times, paths (as what they have in common with the one before, and the rest) and values.

    Raises:
        OverflowError, UnicodeEncodeError: there is what cannot be kept.
    """
    base = at = events[0].at
    first = _micros(base)
    packed: list[Any] = [base if first is None else first]
    since: float = 0
    now, before = first, tuple[str, ...]()
    for one in events:
        if one.at != at:
            at, now = one.at, _micros(one.at)
            since = at if first is None or now is None else now - first
        path, event = one.path, one.event
        where, before = _beyond(before, path), path
        if type(event) is e.StepCommitted:  # with the next, what every step says
            packed.append((since, where, _STEP, event.step, event.changed))
        elif type(event) is e.NodeFinished and event.attempt == 1 and now and (began := _micros(event.started_at)):
            packed.append((since, where, _NODE, event.node, now - began))
        elif (form := _BY_KIND.get(type(event))) is not None:
            packed.append([since, where, form.number, *_values(form, event, now)])
        else:
            packed.append((since, where, e.encode(event)))
    return pack(packed)


def _micros(time: float) -> int | None:
    """A time in whole microseconds; ``None`` where it is none."""
    micros = int(time * _MICRO + 0.5)
    return micros if micros / _MICRO == time else None


def _beyond(before: tuple[str, ...], path: tuple[str, ...]) -> int | list[Any]:
    """How many names it has in common with the one before, and those that follow, if any."""
    same = len(path)
    if before[:same] == path:
        return same
    if before[: same - 1] == path[:-1]:
        return [same - 1, path[-1]]
    same = 0
    for one, other in zip(before, path, strict=False):
        if one != other:
            break
        same += 1
    return [same, *path[same:]]


def _values(form: _Form, event: Any, now: int | None) -> list[Any]:
    values = _trimmed(astuple(event), form.defaults)
    for place in form.times:
        if place < len(values) and (time := values[place]):
            micros = None if now is None else _micros(time)
            values[place] = float(time) if now is None or micros is None else now - micros
    if form.usage is not None:
        values[form.usage] = _trimmed(astuple(values[form.usage]), _USAGE)
    return values


def _trimmed(values: tuple[Any, ...], defaults: tuple[Any, ...]) -> list[Any]:
    kept = list(values)
    while kept and kept[-1] == defaults[len(kept) - 1]:
        kept.pop()
    return kept


def unpack_events(last: int, body: bytes, after: int = 0) -> list[EventRow]:
    """The events of a row whose last has this number, without those up to ``after``.

    >>> rows = [EventRow(seq=n, at=1.5, path=("a",), event=e.StepCommitted(n, ("x",))) for n in (6, 7, 8)]
    >>> unpack_events(8, pack_events(rows), after=6) == rows[1:]
    True
    """
    base, *packed = _unpack(body)
    events: list[EventRow] = []
    path: tuple[str, ...] = ()
    for seq, told in enumerate(packed, last - len(packed) + 1):
        since, where = told[:2]
        kind: int | bytes = told[2]
        path = path[:where] if isinstance(where, int) else (*path[: where[0]], *where[1:])
        if seq > after:
            at = since if isinstance(since, float) else (base + since) / _MICRO if isinstance(base, int) else base
            event = e.decode_event(kind) if isinstance(kind, bytes) else _event(_FORMS[kind], told[3:], at)
            events.append(EventRow(seq=seq, at=at, path=path, event=event))
    return events


def _event(form: _Form, values: list[Any], at: float) -> Any:
    for place in form.times:
        if place < len(values) and isinstance(values[place], int):
            values[place] = (int(at * _MICRO + 0.5) - values[place]) / _MICRO
    if form.usage is not None:
        values[form.usage] = dict(zip(Usage.__struct_fields__, values[form.usage], strict=False))
    return msgspec.convert(dict(zip(form.names, values, strict=False)), form.kind)
