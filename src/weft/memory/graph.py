"""How things are connected, as far as memories say so: entities, the relations between them, and paths.

There is no second truth: an edge is what memories with a subject and an object say, at the time that is asked for. So
it has their times, their sources and their owner, and goes when they are erased (decision 0038). Two names are one
entity only where somebody said so (relation ``alias``), and was not a tool.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from msgspec import Struct

from weft.memory.deciding import RELIED, denied, fold
from weft.memory.index import Shelved
from weft.memory.words import common
from weft.storage.memory_rows import MemoryRow, Trust

ALIAS = "alias"
"""The relation that says that the object is another name of the subject."""
CONNECTING = frozenset(("semantic", "episodic", "profile"))
"""Kinds of memories that may connect; an instruction never does."""
_WIDEST = 10_000
"""Entities that one question looks at."""
_LONGEST = 5
"""Words of a name that is looked for in a text."""
_AROUND = ".,;:!?\"'()[]<>\u00ab\u00bb\u201c\u201d\u2018\u2019\u2026"


class Edge(Struct, frozen=True, kw_only=True):
    """Two entities that are connected, and who says so."""

    subject: str
    relation: str
    object: str
    since: float
    """The first time from which it holds, in seconds since the epoch, as far as is known."""
    until: float | None
    """When it ends; ``None`` where nobody says."""
    trust: Trust
    """Of the best word for it."""
    memories: tuple[MemoryRow, ...]
    """That say so, the best and latest word first."""


class Entity(Struct, frozen=True, kw_only=True):
    """Something that is connected."""

    name: str
    names: tuple[str, ...]
    """All that it is called by."""
    edges: int


class Graph:
    """What was connected at a time, as was known at a time: of one principal, as ``Memories.graph`` gives it."""

    def __init__(self, shelves: Sequence[Shelved], as_of: float, known_at: float) -> None:
        self._shelves, self._as_of, self._known_at = shelves, as_of, known_at
        self._names: dict[str, tuple[str, ...]] = {}

    def names(self, name: str) -> tuple[str, ...]:
        """All names of the same entity, its chief one first: one that is nobody's alias, if there is such."""
        asked = fold(name)
        if (known := self._names.get(asked)) is not None:
            return known
        found, others, left = {asked}, set[str](), [asked]
        while left:
            here = left.pop()
            for row in self._aliases(here):
                others.add(fold(row.object))
                for each in {fold(row.subject), fold(row.object)} - found:
                    found.add(each)
                    left.append(each)
        named = tuple(sorted(found, key=lambda each: (each in others, each)))
        self._names.update(dict.fromkeys(named, named))
        return named

    def entity(self, name: str) -> str:
        """The chief name."""
        return self.names(name)[0]

    def neighbours(self, name: str, *, depth: int = 1, limit: int = 100) -> list[Edge]:
        """What the entity is connected to by at most ``depth`` edges: the nearest first, then the best word."""
        found: list[Edge] = []
        for layer in self._layers(self.entity(name), depth):
            found += sorted(layer, key=_best)
            if len(found) >= limit:
                break
        return found[:limit]

    def paths(self, start: str, end: str, *, most: int = 4, limit: int = 10) -> list[tuple[Edge, ...]]:
        """The shortest ways from one entity to another, over at most so many edges in either direction."""
        first, last = self.entity(start), self.entity(end)
        if first == last:
            return []
        ways: dict[str, list[tuple[Edge, ...]]] = {first: [()]}
        seen = {first}
        for _ in range(most):
            further: dict[str, list[tuple[Edge, ...]]] = {}
            for here in sorted(ways):
                for edge in sorted(self._edges(here), key=_best):
                    there = _other(edge, here)
                    if there not in seen and len(kept := further.setdefault(there, [])) < limit:
                        kept += [(*way, edge) for way in ways[here]][: limit - len(kept)]
            if last in further:
                return further[last]
            seen |= further.keys()
            if not further or len(seen) > _WIDEST:
                break
            ways = further
        return []

    def entities(self, *, after: str = "", limit: int = 100) -> list[Entity]:
        """All that is connected, in the order of their chief names."""
        chief = {self.entity(name) for shelf in self._shelves for name in shelf.names}
        found: list[Entity] = []
        for name in sorted(each for each in chief if each > after):
            edges = len(self._edges(name))
            if edges or len(self.names(name)) > 1:
                found.append(Entity(name=name, names=self.names(name), edges=edges))
            if len(found) == limit:
                break
        return found

    def named(self, text: str) -> list[str]:
        """The entities that a text names, in their order."""
        words = [fold(word).strip(_AROUND) for word in text.split()]
        words = [word.removesuffix("'s").removesuffix("\u2019s") for word in words]
        found: dict[str, None] = {}
        at = 0
        while at < len(words):
            for long in range(min(_LONGEST, len(words) - at), 0, -1):
                name = " ".join(words[at : at + long])
                if not common(name) and any(name in shelf.names for shelf in self._shelves):
                    found.setdefault(self.entity(name))
                    at += long
                    break
            else:
                at += 1
        return list(found)

    def _layers(self, start: str, depth: int) -> Iterator[list[Edge]]:
        seen, ring = {start}, [start]
        told: set[tuple[str, str, str]] = set()
        for _ in range(depth):
            layer: list[Edge] = []
            further: dict[str, None] = {}
            for here in ring:
                for edge in self._edges(here):
                    if (edge.subject, edge.relation, edge.object) not in told:
                        told.add((edge.subject, edge.relation, edge.object))
                        layer.append(edge)
                        further.setdefault(_other(edge, here))
            yield layer
            ring = [each for each in further if each not in seen]
            seen |= further.keys()
            if len(seen) > _WIDEST:
                return

    def _edges(self, entity: str) -> list[Edge]:
        """All edges of an entity, by whichever of its names."""
        says: dict[tuple[str, str, str], dict[str, MemoryRow]] = {}
        for name in self.names(entity):
            for row in self._rows(name):
                if row.relation != ALIAS and not denied(row.relation) and self._holds(row):
                    edge = self.entity(row.subject), row.attribute or row.relation, self.entity(row.object)
                    says.setdefault(edge, {})[row.id] = row
        return [_edge(*edge, list(rows.values())) for edge, rows in says.items() if edge[0] != edge[2]]

    def _aliases(self, name: str) -> Iterator[MemoryRow]:
        """What gives somebody another name. It is theirs at any time; on a tool's word it is not."""
        for row in self._rows(name):
            lasts = row.valid_to is None or self._as_of < row.valid_to
            if row.relation == ALIAS and row.trust != "tool" and lasts and self._known(row):
                yield row

    def _rows(self, name: str) -> Iterator[MemoryRow]:
        return (row for shelf in self._shelves for row in shelf.naming(name))

    def _known(self, row: MemoryRow) -> bool:
        at = self._known_at
        ended = (row.known_to is not None and row.known_to <= at) or (
            row.expires_at is not None and row.expires_at <= at
        )
        return row.kind in CONNECTING and row.known_from <= at and not ended

    def _holds(self, row: MemoryRow) -> bool:
        at = self._as_of
        return self._known(row) and row.valid_from <= at and (row.valid_to is None or at < row.valid_to)


def linked(graph: Graph, text: str, found: Sequence[MemoryRow], most: int) -> list[MemoryRow]:
    """What is connected to whom the text names, or else to whom what was found for it is about; and not found yet."""
    named = graph.named(text)
    if not named:
        named = [graph.entity(name) for row in found[:3] if row.object for name in (row.subject, row.object)]
    known = {row.id for row in found}
    words = {" ".join(row.text.casefold().split()) for row in found}
    chosen: list[MemoryRow] = []
    around = [graph.neighbours(name, depth=2, limit=8 * most) for name in dict.fromkeys(named)]
    for edge in chain.from_iterable(zip_longest(*around)):
        if edge is None:
            continue
        row = edge.memories[0]
        said = " ".join(row.text.casefold().split())
        if row.id not in known and said not in words:
            known.add(row.id)
            words.add(said)
            chosen.append(row)
    return chosen[:most]


def _edge(subject: str, relation: str, object: str, rows: list[MemoryRow]) -> Edge:
    rows.sort(key=lambda row: (-RELIED[row.trust], -row.valid_from, row.id))
    ends = [row.valid_to for row in rows]
    return Edge(
        subject=subject,
        relation=relation,
        object=object,
        since=min(row.valid_from for row in rows),
        until=None if None in ends else max(end for end in ends if end is not None),
        trust=rows[0].trust,
        memories=tuple(rows),
    )


def _best(edge: Edge) -> tuple[object, ...]:
    return -RELIED[edge.trust], -edge.memories[0].importance, -edge.since, edge.subject, edge.relation, edge.object


def _other(edge: Edge, here: str) -> str:
    return edge.object if edge.subject == here else edge.subject
