"""The rows: what is measured, what it may cost, and where that is decided."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks.measure import Sides


class NotMeasured(Exception):
    """Something that a row needs is not on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. Goals are CPU µs where ``unit`` does not say otherwise."""

    name: str
    what: str
    goal: float | None
    stretch: float | None = None
    unit: str = "µs"
    measure: Callable[[], Awaitable[Sides]]


PLACES = ("startup", "agents", "graphs", "streams", "durable", "providers")
ROWS: dict[str, Row] = {}


def row(
    name: str, what: str, *, goal: float | None, stretch: float | None = None, unit: str = "µs"
) -> Callable[[Callable[[], Awaitable[Sides]]], Callable[[], Awaitable[Sides]]]:
    """Put a measurement on the list."""

    def put(measure: Callable[[], Awaitable[Sides]]) -> Callable[[], Awaitable[Sides]]:
        ROWS[name] = Row(name=name, what=what, goal=goal, stretch=stretch, unit=unit, measure=measure)
        return measure

    return put


def load() -> dict[str, Row]:
    """All rows, in the order of the table."""
    for place in PLACES:
        import_module(f"benchmarks.{place}")
    return ROWS
