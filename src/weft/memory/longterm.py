"""What is remembered beyond a thread: write, find, change, forget and erase, for one principal."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from weft.errors import Conflict, UsageError
from weft.ids import new_id
from weft.memory.deciding import check_field, denial, digest, fold, place
from weft.memory.graph import Graph, linked
from weft.memory.index import Shelved, best, unit
from weft.memory.library import Library, loaded
from weft.memory.outside import SPACES, Elsewhere, declare, sweep
from weft.memory.words import dated
from weft.storage.base import Scope
from weft.storage.chore_rows import Chore
from weft.storage.memory_rows import Kind, MemoryRow, Placed, Shelf, Source, Trust

if TYPE_CHECKING:
    from weft.memory.index import Floats
    from weft.models.ports import Embedder
    from weft.vectors.base import VectorIndex

Of: TypeAlias = Literal["user", "workspace", "agent", "thread", "practice"]
"""Whose a memory is: the user's with every agent, everybody's, this agent's of this user, this thread's, or what
this agent does for everybody."""
RECALLED: frozenset[str] = frozenset(("semantic", "episodic", "profile", "procedural"))
"""What is found unless one asks for it: everything but instructions that nobody approved."""
LINKED = 5
"""Memories that come to mind only as they are connected to what was named."""


class Found(Struct, frozen=True, kw_only=True):
    """A memory that fits a question."""

    memory: MemoryRow
    score: float
    """Between 0 and 1; only comparable within one answer."""


class Memories:
    """The memories of a user, as one agent in one thread sees them.

    It finds what is everybody's of the workspace, the user's, the agent's of this user, and the thread's; it
    changes nothing that belongs to another user. ``embedder`` adds the search by meaning to that by words.
    """

    def __init__(
        self,
        library: Library,
        workspace: str,
        user: str,
        *,
        agent: str = "",
        thread: str = "",
        embedder: "Embedder | None" = None,
        index: "VectorIndex | None" = None,
    ) -> None:
        """``index`` says where the vectors are found, if not in the memory of each process."""
        if not user:
            raise UsageError("memories belong to somebody: name the user")
        self._elsewhere = None if index is None or embedder is None else Elsewhere(index, embedder.name)
        if index is not None:
            declare(library.outside, SPACES, index)
        self._library, self._stored = library, library.stored
        self._scope = Scope(workspace, user)
        self._agent, self._thread, self._embedder = agent, thread, embedder

    async def add(
        self,
        text: str,
        *,
        of: Of = "user",
        kind: Kind = "semantic",
        subject: str = "",
        attribute: str = "",
        relation: str = "",
        object: str = "",
        valid_from: float | None = None,
        until: float | None = None,
        expires_at: float | None = None,
        trust: Trust = "person",
        importance: float = 0.5,
        pinned: bool = False,
        source: Source | None = None,
        chore: Chore | None = None,
    ) -> MemoryRow:
        """Remember; the memory, which may be one that says the same already.

        Args:
            attribute: What it says of the ``subject`` where that has one value at a time (``home``, ``employer``).
                A later value ends an earlier one, in whichever order they are told.
            relation: How the ``subject`` is connected to the ``object``, where there may be many at a time
                (``knows``); ``not knows`` ends it. ``alias`` says that they are one.
            object: What the subject is connected to, by its relation or by its attribute.
            valid_from: Since when it holds, in seconds since the epoch; now.
            until: When it stops to hold by itself.

        Raises:
            UsageError: it says nothing, or its times are no times.
            Fenced: it comes of a ``chore`` that was erased meanwhile, or is another's by now.
        """
        now = time.time()
        begins = now if valid_from is None else valid_from
        if kind == "procedural" and trust != "person":
            raise UsageError("an instruction that no person gave is only proposed: a person approves it")
        if not text.strip() or (attribute and not subject) or (until is not None and until < begins):
            raise UsageError("a memory needs words, an attribute its subject, and an end after its beginning")
        if kind == "profile":
            check_field(text, subject, attribute)
        if object or relation:
            subject, relation, object = _edge(subject, attribute, relation, object)
        mark = digest(kind, text, subject, attribute, begins, relation=relation, object=object)
        row = MemoryRow(
            id=new_id("memory"),
            kind=kind,
            text=text.strip(),
            subject=subject,
            attribute=attribute,
            relation=relation,
            object=object,
            valid_from=begins,
            valid_to=until,
            until=until,
            known_from=now,
            expires_at=expires_at,
            trust=trust,
            importance=importance,
            pinned=pinned,
            digest=mark,
            vector=await self._vector(dated(text, begins)),
            embedder=None if self._embedder is None else self._embedder.name,
        )
        known: list[MemoryRow] = []

        def decide(found: Sequence[MemoryRow]) -> Sequence[MemoryRow]:
            known[:] = [each for each in found if each.digest == mark]
            return place(row, found)

        written = await self._stored.write(
            self._scope.workspace,
            self._shelf(of),
            decide,
            digest=mark,
            about=(subject, attribute) if attribute else None,
            edge=(subject, (relation, denial(relation)), object) if relation else None,
            source=source,
            chore=chore,
        )
        return written[0] if written else known[0]

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        as_of: float | None = None,
        known_at: float | None = None,
        kinds: Sequence[Kind] | None = None,
    ) -> Sequence[Found]:
        """What fits the query best, best first.

        Args:
            as_of: What held then; now.
            known_at: As was known then; now.
        """
        wanted = RECALLED if kinds is None else frozenset(kinds)
        return await self._best(query, limit, wanted, as_of=as_of, known_at=known_at)

    async def at_hand(self, query: str, *, limit: int = 10) -> tuple[Sequence[MemoryRow], Sequence[Found]]:
        """What stands without a question (the pinned, the profile, approved instructions), and what fits best besides.

        Nothing is searched for ''. After what fits come a few more that are connected to whom the query names.
        """
        shelves = await self._shelves()
        now = time.time()
        standing = [row for shelf in shelves for row in shelf.standing(now)]
        if not query:
            return standing, ()
        known = {row.id for row in standing}
        found = await self._best(query, limit + len(known), RECALLED)
        fitting = [each for each in found if each.memory.id not in known][:limit]
        rows = [*[each.memory for each in fitting], *standing]
        beside = linked(Graph(shelves, now, now), query, rows, LINKED) if any(shelf.names for shelf in shelves) else ()
        return standing, [*fitting, *[Found(memory=row, score=0.0) for row in beside]]

    async def graph(self, *, as_of: float | None = None, known_at: float | None = None) -> Graph:
        """How things are connected: what held ``as_of`` then, as was known at ``known_at``; both are now.

        It answers for this moment: what is written or erased later needs a new one.
        """
        now = time.time()
        shelves = await self._shelves()
        return Graph(shelves, now if as_of is None else as_of, now if known_at is None else known_at)

    async def about(self, subject: str, attribute: str | None = None, *, as_of: float | None = None) -> list[MemoryRow]:
        """What holds of a subject, oldest first; ``as_of``: what held then."""
        at = time.time() if as_of is None else as_of
        rows = await self.known(subject, attribute)
        return [row for row in rows if row.valid_from <= at and (row.valid_to is None or at < row.valid_to)]

    async def known(self, subject: str, attribute: str | None = None) -> list[MemoryRow]:
        """All that is known of a subject, whenever it holds, oldest first."""
        shelves = await self._shelves()
        rows = [row for shelf in shelves for row in shelf.about(subject) if attribute in (None, row.attribute)]
        return sorted(rows, key=lambda row: (row.valid_from, row.known_from))

    async def get(self, id: str) -> MemoryRow:
        """As it is known now. Raises: NotFound."""
        return (await self._newest(id)).row

    async def history(self, id: str) -> Sequence[MemoryRow]:
        """All its versions, oldest first. Raises: NotFound."""
        return [placed.row for placed in await self._stored.find(self._scope, id)]

    async def sources(self, id: str) -> Sequence[Source]:
        """Where it came from. Raises: NotFound."""
        await self._newest(id)
        return await self._stored.sources(self._scope, id)

    async def list(self, *, kind: Kind | None = None, after: int = 0, limit: int = 50) -> Sequence[Placed]:
        """The user's own, the newest first; ``after`` is the number of the last one seen."""
        return await self._stored.list(self._scope, kind=kind, after=after, limit=limit)

    async def update(
        self,
        id: str,
        *,
        text: str | UnsetType = UNSET,
        kind: Kind | UnsetType = UNSET,
        until: float | UnsetType | None = UNSET,
        expires_at: float | UnsetType | None = UNSET,
        importance: float | UnsetType = UNSET,
        pinned: bool | UnsetType = UNSET,
    ) -> MemoryRow:
        """A new version of it; the old ones stay in its history.

        Raises:
            NotFound: the user has no such memory.
            Conflict: somebody else changed it meanwhile.
        """
        placed = await self._newest(id)
        old = placed.row
        given = {"text": text, "kind": kind, "until": until, "expires_at": expires_at}
        given |= {"importance": importance, "pinned": pinned}
        changes = {name: value for name, value in given.items() if value is not UNSET}
        new = replace(old, **changes, version=old.version + 1, known_from=max(time.time(), old.known_from))
        if new.kind == "profile" and (new.kind, new.text) != (old.kind, old.text):
            check_field(new.text, new.subject, new.attribute)
        edge = {"relation": new.relation, "object": new.object}
        new = replace(new, digest=digest(new.kind, new.text, new.subject, new.attribute, new.valid_from, **edge))
        if new.text != old.text:
            new = replace(new, vector=await self._vector(dated(new.text, new.valid_from)))
        if until is not UNSET:
            new = replace(new, valid_to=until)

        def decide(found: Sequence[MemoryRow]) -> Sequence[MemoryRow]:
            if [each.version for each in found if each.id == id] != [old.version]:
                raise Conflict(f"memory {id!r} was changed meanwhile: read it again")
            return [new]

        await self._stored.write(self._scope.workspace, placed.shelf, decide, id=id)
        return new

    async def forget(self, id: str) -> None:
        """It is not recalled any more; its history stays. Raises: NotFound."""
        await self.update(id, expires_at=time.time())

    async def erase(self, id: str | None = None, *, thread: str | None = None) -> int:
        """Take away for good one memory, those of a thread, or all of the user's; how many they were."""
        erased = await self._stored.erase(self._scope, id=id, thread=thread)
        await sweep(self._library.outside)
        return erased

    async def _shelves(self) -> Sequence[Shelved]:
        await loaded()
        return [await self._library.shelf(self._scope.workspace, one, self._elsewhere) for one in self._seen()]

    async def _best(
        self,
        query: str,
        limit: int,
        kinds: frozenset[str],
        *,
        as_of: float | None = None,
        known_at: float | None = None,
    ) -> Sequence[Found]:
        shelves, vector = await self._shelves(), None
        if self._embedder is not None and any(shelf.rows for shelf in shelves):
            vector = await self._vector(query)
            shelves = await self._shelves()  # what was erased while we asked for the vector is not found
        outside = None if vector is None else await self._meant(shelves, vector, limit)
        now = time.time()
        found = best(
            shelves,
            query,
            _floats(vector),
            outside=outside,
            limit=2 * limit if any(shelf.names for shelf in shelves) else limit,
            valid_at=now if as_of is None else as_of,
            known_at=now if known_at is None else known_at,
            kinds=kinds,
        )
        return _once([Found(memory=row, score=score) for score, row in found])[:limit]

    async def _meant(
        self, shelves: Sequence[Shelved], vector: bytes, limit: int
    ) -> dict[str, Sequence[tuple[str, float]]]:
        """What an index outside finds on each shelf: more than is wanted, as some of it holds no more."""
        if self._elsewhere is None:
            return {}
        index, wide = self._elsewhere.index, 4 * limit + 50
        spaces = [shelf.space for shelf in shelves if shelf.space and shelf.rows]
        return {space: await index.search(space, vector, wide) for space in spaces}

    async def _newest(self, id: str) -> Placed:
        return (await self._stored.find(self._scope, id))[-1]

    def _shelf(self, of: Of) -> Shelf:
        agents = of in ("agent", "practice")
        if (agents and not self._agent) or (of == "thread" and not self._thread):
            raise UsageError(f"this memory is the {of}'s, and no {'agent' if agents else of} was named")
        user = None if of in ("workspace", "practice") else self._scope.user
        return Shelf(user=user, agent=self._agent if agents else "", thread=self._thread if of == "thread" else "")

    def _seen(self) -> Sequence[Shelf]:
        own = [Shelf(), Shelf(user=self._scope.user)]
        if self._agent:
            own.append(Shelf(agent=self._agent))
            own.append(Shelf(user=self._scope.user, agent=self._agent))
        if self._thread:
            own.append(Shelf(user=self._scope.user, thread=self._thread))
        return own

    async def _vector(self, text: str) -> bytes | None:
        if self._embedder is None:
            return None
        await loaded()
        return unit((await self._embedder.embed([text])).vectors[0])


def _edge(subject: str, attribute: str, relation: str, object: str) -> tuple[str, str, str]:
    """The names of an edge as they are kept: those of a relation folded, as many say them in many ways."""
    relation, object = fold(relation), fold(object)
    if not (subject.strip() and object) or bool(attribute) == bool(relation):
        raise UsageError("a relation needs a subject and an object, and an object a relation or an attribute")
    return fold(subject) if relation else subject, relation, object


def _once(found: Sequence[Found]) -> list[Found]:
    """A relation that was told several times has one line for each: the best of them stands for all."""
    told: set[tuple[str, ...]] = set()
    kept: list[Found] = []
    for each in found:
        row = each.memory
        said = (row.subject, row.relation, row.object, " ".join(row.text.casefold().split()))
        if not row.relation or said not in told:
            kept.append(each)
        told.add(said)
    return kept


def _floats(vector: bytes | None) -> "Floats | None":
    if vector is None:
        return None
    import numpy as np  # noqa: PLC0415

    return np.frombuffer(vector, dtype="<f4")
