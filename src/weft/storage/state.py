"""The state of a graph in a thread, read back: a checkpoint, and exactly the rows that its ranges name."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import Select, func, select, union_all

from weft.storage.base import FinishedRow, SlotRow, Snapshot
from weft.storage.packing import State, unpack_state
from weft.storage.pieces import counted_in, key_of, p
from weft.storage.query import Query, Row, Steps
from weft.storage.tables import SPAN, checkpoints, finished, places, slots

_newest = (
    select(func.max(checkpoints.c.key)).where(counted_in(checkpoints, places.c.n)).correlate(places).scalar_subquery()
)
NEWEST = Query(
    select(checkpoints.c.key, checkpoints.c.body)
    .select_from(places.join(checkpoints, checkpoints.c.key == _newest))
    .where(places.c.thread == p("n"), places.c.path == p("path"), places.c.channel == p("channel"))
)
"""The newest checkpoint of a graph (``channel`` is empty)."""
CHANNELS = Query(select(places.c.channel, places.c.n).where(places.c.thread == p("n"), places.c.path == p("path")))
FINISHED = Query(
    select(finished.c.step, finished.c.activation, finished.c.body)
    .where(finished.c.place == p("place"), finished.c.step >= p("step"))
    .order_by(finished.c.step, finished.c.activation)
)


@cache
def _bases(count: int) -> Query:
    """This many checkpoints, by their keys."""
    return Query(
        select(checkpoints.c.key, checkpoints.c.body).where(checkpoints.c.key.in_([p(f"n{i}") for i in range(count)]))
    )


@cache
def _appends(count: int) -> Query:
    """What was appended to this many channels, each from a step to another."""

    def one(i: int) -> Select[Any, Any, Any]:
        of_channel = p(f"place{i}", "n").label("place")
        keys = slots.c.key.between(
            key_of(p(f"place{i}", "n"), p(f"base{i}", "n")), key_of(p(f"place{i}", "n"), p(f"last{i}", "n"))
        )
        return select(of_channel, slots.c.key, slots.c.body).where(keys)

    return Query(union_all(*(one(i) for i in range(count))) if count > 1 else one(0))


def newest(thread: int, path: str) -> Steps[Snapshot | None]:
    """The newest state of the graph at ``path`` in a thread."""
    rows = yield NEWEST, {"n": thread, "path": path, "channel": ""}
    return (yield from at_checkpoint(thread, path, rows[0])) if rows else None


def at_checkpoint(thread: int, path: str, row: Row) -> Steps[Snapshot]:
    """The state as the (key, body) of a checkpoint says."""
    place, step = divmod(row[0], SPAN)
    state = unpack_state(row[1])
    held = [(step, SlotRow(channel=channel, op="set", body=body)) for channel, body in state.values.items()]
    if state.ranges:
        held += yield from _held_elsewhere(thread, path, place, state)
    done = yield FINISHED, {"place": place, "step": step}
    return Snapshot(
        step=step,
        version=state.version,
        head=state.head,
        ranges=state.ranges | dict.fromkeys(state.values, (step, step)),
        slots=tuple(sorted(held, key=lambda one: (one[0], one[1].channel))),
        finished=tuple([FinishedRow(path=path, step=at, activation=name, body=body) for at, name, body in done]),
    )


def _held_elsewhere(thread: int, path: str, place: int, state: State) -> Steps[Iterable[tuple[int, SlotRow]]]:
    """The values that earlier checkpoints hold, and what was appended to them since."""
    steps = sorted({base for base, _ in state.ranges.values()})
    keys = {f"n{i}": place * SPAN + step for i, step in enumerate(steps)}
    held: list[tuple[int, SlotRow]] = []
    for key, body in (yield _bases(len(steps)), keys):
        step = key % SPAN
        for channel, value in unpack_state(body).values.items():
            if state.ranges.get(channel, (0, 0))[0] == step:
                held.append((step, SlotRow(channel=channel, op="set", body=value)))
    places = {name: n for name, n in (yield CHANNELS, {"n": thread, "path": path}) if name in state.ranges}
    if places:
        names = {n: name for name, n in places.items()}
        values: dict[str, Any] = {}
        for i, (name, n) in enumerate(places.items()):
            values |= {f"place{i}": n, f"base{i}": state.ranges[name][0], f"last{i}": state.ranges[name][1]}
        for n, key, body in (yield _appends(len(places)), values):
            held.append((key % SPAN, SlotRow(channel=names[n], op="append", body=body)))
    return held
