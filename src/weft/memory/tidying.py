"""Memories kept in order: what was told twice becomes one, and what nobody relied on for long is let go.

Pure plans; who carries them out is a chore. Nothing is taken away: what leaves is forgotten, and stays in its history.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from weft.memory.words import terms
from weft.storage.base import Scope
from weft.storage.memory_rows import MemoryRow, Placed, Shelf, Shelves

HALF_LIFE = 90 * 86_400.0
"""Seconds after which a memory that no person gave or pinned counts half."""
FAINT = 0.05
"""The importance below which it is forgotten."""
_NOT = frozenset(("not", "no", "never", "nobody", "nothing", "without", "cannot", "nor", "neither"))


class Merge(NamedTuple):
    """These say the same: the first stays, and takes over the sources of the others."""

    shelf: Shelf
    kept: MemoryRow
    others: tuple[MemoryRow, ...]


class Plan(NamedTuple):
    """What is to be done."""

    merges: tuple[Merge, ...] = ()
    faded: tuple[Placed, ...] = ()

    @property
    def size(self) -> int:
        return len(self.merges) + len(self.faded)


def plan(known: Sequence[Placed], now: float, half_life: float = HALF_LIFE) -> Plan:
    """What to do with all that is known of a user now.

    >>> plan([], 0.0).size
    0
    """
    alive = [each for each in known if not _over(each.row, now)]
    same: dict[tuple[object, ...], list[Placed]] = {}
    for each in alive:
        if not (each.row.attribute or each.row.relation) and each.row.kind in ("semantic", "episodic"):
            same.setdefault((each.shelf, each.row.kind, each.row.subject, *_meaning(each.row.text)), []).append(each)
    merges = tuple([_merge(group) for group in same.values() if len(group) > 1])
    gone = {row.id for merge in merges for row in merge.others}
    faded = [each for each in alive if each.row.id not in gone and _faint(each.row, now, half_life)]
    return Plan(merges, tuple(faded))


async def carry_out(stored: Shelves, scope: Scope, plan: Plan, tell: Callable[[int], Awaitable[None]]) -> None:
    """Do what is planned; what was changed meanwhile is left. ``tell`` hears how much is done, and may end it."""
    for done, merge in enumerate(plan.merges):
        await tell(done)
        for other in merge.others:
            for source in await stored.sources(scope, other.id):
                await stored.write(scope.workspace, merge.shelf, _nothing, digest=merge.kept.digest, source=source)
            await _let_go(stored, scope.workspace, merge.shelf, other)
    for done, each in enumerate(plan.faded, len(plan.merges)):
        await tell(done)
        await _let_go(stored, scope.workspace, each.shelf, each.row)


async def _let_go(stored: Shelves, workspace: str, shelf: Shelf, row: MemoryRow) -> None:
    now = max(time.time(), row.known_from)

    def decide(found: Sequence[MemoryRow]) -> Sequence[MemoryRow]:
        ours = [each for each in found if each.id == row.id and each.version == row.version]
        return [replace(each, version=each.version + 1, known_from=now, expires_at=now) for each in ours]

    await stored.write(workspace, shelf, decide, id=row.id)


def _nothing(_: Sequence[MemoryRow]) -> Sequence[MemoryRow]:
    return ()


def _over(row: MemoryRow, now: float) -> bool:
    return row.expires_at is not None and row.expires_at <= now


def _meaning(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two texts with the same are the same: their stems in order, and what they deny."""
    words = text.casefold().replace("n't", " not").replace("n\u2019t", " not").split()
    return tuple(terms(text)), tuple(word.strip(".,;:!?") for word in words if word.strip(".,;:!?") in _NOT)


def _merge(group: Sequence[Placed]) -> Merge:
    relied = {"person": 0, "agent": 1, "tool": 2}
    first, *others = sorted(
        group, key=lambda each: (not each.row.pinned, relied[each.row.trust], each.row.known_from, each.n)
    )
    return Merge(first.shelf, first.row, tuple([each.row for each in others]))


def _faint(row: MemoryRow, now: float, half_life: float) -> bool:
    if row.pinned or row.trust == "person" or row.kind not in ("semantic", "episodic"):
        return False
    return row.importance * 0.5 ** (max(0.0, now - row.known_from) / half_life) < FAINT
