"""What is wrong with a graph, said before it runs, in the graph's own words."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from weft.errors import GraphError
from weft.workflows.commands import END, START


class Sketch(Struct, frozen=True):
    """A graph as its author declared it."""

    name: str
    nodes: frozenset[str]
    edges: Mapping[str, Sequence[str]]
    joins: Sequence[tuple[tuple[str, ...], str]]
    routes: Mapping[str, Sequence[str]]
    """Where conditional edges, commands and error routes may lead, as far as anybody said."""
    anywhere: frozenset[str]
    """Nodes that may lead to any other."""
    woken: frozenset[str]
    """Nodes that a channel may wake."""


def check(sketch: Sketch) -> None:
    """See that the graph can work.

    Raises:
        GraphError: it cannot; the message says why.
    """
    _known(sketch)
    if not sketch.edges.get(START) and START not in sketch.routes and START not in sketch.anywhere:
        raise GraphError(f"graph {sketch.name!r} has no edge from START")
    reached = _reached(sketch)
    if missed := sorted(sketch.nodes - reached):
        raise GraphError(f"nothing leads to {_names(missed)} in graph {sketch.name!r}: add an edge, or remove it")
    for names, end in sketch.joins:
        if END in names:
            raise GraphError(f"the join of {list(names)} before {end!r} waits for END, after which nothing comes")
    if trapped := sorted(reached - _leaving(sketch, reached)):
        raise GraphError(
            f"{_names(trapped)} in graph {sketch.name!r} run in a circle that nothing leaves: "
            "add a conditional edge that can lead out of it"
        )


def _known(sketch: Sketch) -> None:
    for start, ends in (*sketch.edges.items(), *sketch.routes.items()):
        _one(sketch, start, start, START)
        for end in ends:
            _one(sketch, end, start, END)
    for names, end in sketch.joins:
        if not names:
            raise GraphError(f"the join before {end!r} in graph {sketch.name!r} waits for nobody")
        for name in names:
            _one(sketch, name, f"the join before {end!r}", "")
        _one(sketch, end, f"the join of {_names(names)}", END)


def _one(sketch: Sketch, name: str, start: str, besides: str) -> None:
    if name not in sketch.nodes and name != besides:
        known = ", ".join(sorted(sketch.nodes)) or "none"
        where = "an edge" if name == start else start if start.startswith("the join") else f"an edge of {start!r}"
        raise GraphError(f"{where} names {name!r}; graph {sketch.name!r} has no such node; it has: {known}")


def _ends(sketch: Sketch, start: str) -> Iterable[str]:
    yield from sketch.edges.get(start, ())
    yield from sketch.routes.get(start, ())
    for names, end in sketch.joins:
        if start in names:
            yield end
    if start in sketch.anywhere:
        yield from sketch.nodes


def _reached(sketch: Sketch) -> set[str]:
    """Every node that an input may come to."""
    reached = set[str]()
    ahead = [START, *sketch.woken]
    reached.update(sketch.woken)
    while ahead:
        for end in _ends(sketch, ahead.pop()):
            if end in sketch.nodes and end not in reached:
                reached.add(end)
                ahead.append(end)
    return reached


def _leaving(sketch: Sketch, nodes: set[str]) -> set[str]:
    """Every node from which the end may be reached. A node that leads nowhere is an end."""
    leaving = {
        name for name in nodes if name in sketch.anywhere or not (ends := list(_ends(sketch, name))) or END in ends
    }
    grown = True
    while grown:
        more = {name for name in nodes - leaving if any(end in leaving for end in _ends(sketch, name))}
        leaving |= more
        grown = bool(more)
    return leaving


def _names(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
