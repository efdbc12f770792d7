"""How long checkpoints are kept, and what of a thread may be forgotten without losing what somebody may still need."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from weft.errors import NotFound, StoreError, UsageError
from weft.runtime import codec
from weft.storage.base import CheckpointNote, Page, Scope, Store

_PAGE = 500
_log = logging.getLogger("weft.retention")


class Retention(Struct, frozen=True, kw_only=True):
    """What is kept of the checkpoints of each graph of a thread; where both are given, either is reason enough.

    The newest of each graph, the parents of forks and whatever an open call needs are kept in any case.
    """

    keep: int | None = None
    """The newest so many."""
    days: float | None = None
    """Those of the last so many days."""
    every: float = 3600.0
    """Seconds between two rounds of a served app."""

    def check(self) -> "Retention":
        """Raises: UsageError."""
        if self.keep is None and self.days is None:
            raise UsageError("say what is kept: so many checkpoints (`keep`), those of so many days (`days`), or both")
        if (self.keep is not None and self.keep < 1) or (self.days is not None and self.days < 0):
            raise UsageError("`keep` is at least 1, and `days` is not negative")
        return self


class Pruned(Struct, frozen=True):
    """What was forgotten."""

    threads: int = 0
    """How many lost something."""
    checkpoints: int = 0


class _Known(NamedTuple):
    note: CheckpointNote
    head: codec.Head


async def prune(store: Store, scope: Scope, retention: Retention, *, thread_id: str | None = None) -> Pruned:
    """Forget what ``retention`` does not keep, in one thread or in all of the workspace; each thread at once.

    Raises:
        UsageError: it says nothing.
        NotFound: no such thread.
    """
    retention.check()
    if thread_id is not None:
        count = await prune_thread(store, scope, thread_id, retention)
        return Pruned(int(count > 0), count)
    threads = checkpoints = 0
    cursor: str | None = None
    while page := await store.threads.list(scope, Page(100, cursor, newest=False)):
        for thread in page:
            try:
                count = await prune_thread(store, scope, thread.id, retention)
            except NotFound:
                continue  # deleted meanwhile
            threads, checkpoints = threads + (count > 0), checkpoints + count
        cursor = f"{page[-1].updated_at!r}:{page[-1].id}"
    return Pruned(threads, checkpoints)


async def prune_thread(store: Store, scope: Scope, thread_id: str, retention: Retention) -> int:
    """How many checkpoints were forgotten."""
    paths = await store.history.paths(scope, thread_id)
    known = {path: await _all(store, scope, thread_id, path) for path in paths}
    doomed = plan(known_steps(known), retention, time.time())
    return await store.history.forget(scope, thread_id, doomed) if doomed else 0


async def _all(store: Store, scope: Scope, thread_id: str, path: str) -> list[_Known]:
    found: list[_Known] = []
    before: int | None = None
    while notes := await store.history.checkpoints(scope, thread_id, path, before=before, limit=_PAGE):
        found += [_Known(note, codec.decode_head(note.head)) for note in notes]
        before = notes[-1].step
    return found


class Line(Struct, frozen=True):
    """A checkpoint as retention sees it."""

    step: int
    at: float
    parent: int | None = None
    open: frozenset[str] = frozenset()
    """The activations that are to run."""


def known_steps(known: Mapping[str, Sequence[_Known]]) -> dict[str, list[Line]]:
    """What retention has to know, newest first."""
    return {
        path: [
            Line(one.note.step, one.note.at, one.head.parent, frozenset([id for id, _ in one.head.nodes]))
            for one in checkpoints
        ]
        for path, checkpoints in known.items()
    }


def plan(lines: Mapping[str, Sequence[Line]], retention: Retention, now: float) -> dict[str, list[int]]:
    """The steps to forget, by path.

    >>> steps = [Line(3, 30.0), Line(2, 20.0, parent=1), Line(1, 10.0)]
    >>> plan({"a": steps}, Retention(keep=1), 40.0), plan({"a": steps}, Retention(keep=2), 40.0)
    ({'a': [2, 1]}, {})
    """
    kept: dict[str, set[int]] = {}
    for path in sorted(lines, key=lambda path: path.count("/")):
        kept[path] = _kept(path, lines, kept, retention, now)
    doomed = {path: [one.step for one in of_path if one.step not in kept[path]] for path, of_path in lines.items()}
    return {path: steps for path, steps in doomed.items() if steps}


def _kept(
    path: str, lines: Mapping[str, Sequence[Line]], kept: Mapping[str, set[int]], retention: Retention, now: float
) -> set[int]:
    if not _called_still(path, lines, kept):
        return set()
    ours = lines[path]
    stay = {one.step for i, one in enumerate(ours) if i == 0 or _stays(i, one, retention, now)}
    parents = {one.step: one.parent for one in ours}
    for step in sorted(stay, reverse=True):
        parent = parents[step]
        while parent is not None and parent in parents and parent not in stay:
            stay.add(parent)
            parent = parents[parent]
    return stay


def _stays(index: int, line: Line, retention: Retention, now: float) -> bool:
    among = retention.keep is not None and index < retention.keep
    recent = retention.days is not None and line.at >= now - retention.days * 86_400
    return among or recent


def _called_still(path: str, lines: Mapping[str, Sequence[Line]], kept: Mapping[str, set[int]]) -> bool:
    """Whether the graph that called this one keeps the step of the call, or waits for it still."""
    parts = path.split("/")
    above = "/".join(parts[:-2])
    if len(parts) < 3 or above not in lines:
        return True
    step = int(parts[-2].partition(":")[0])
    waits = any(parts[-2] in one.open for one in lines[above] if one.step in kept[above])
    return waits or step in kept[above]


async def keep_pruning(store: Store, scope: Scope, retention: Retention) -> None:
    """Round after round, until cancelled. A store that fails is asked again next time."""
    while True:
        await asyncio.sleep(retention.every)
        try:
            await prune(store, scope, retention)
        except StoreError as error:
            _log.warning("checkpoints were not pruned: %s", error)
