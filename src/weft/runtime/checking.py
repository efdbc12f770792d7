"""Which threads that are in the midst of something a new version of their graphs would break, before it is deployed."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from weft.engine.context import Target
from weft.engine.graph import Graph
from weft.errors import NotFound
from weft.runtime import codec
from weft.runtime.versions import Meeting, meet
from weft.storage.base import Page, RunRecord, Scope, Status, Store

_OPEN: tuple[Status, ...] = ("paused", "sleeping", "queued", "running")


class Checked(Struct, frozen=True, kw_only=True):
    """How an open thread would meet the graphs as they are now."""

    thread_id: str
    run_id: str
    path: str
    """Of the graph: the target's name, or the way to one that it called."""
    was: str
    """The version that left the state: its author's name for it or, without one, its hash."""
    now: str
    verdict: Literal["same", "fits", "migrates", "pinned", "breaks", "unknown"]
    """``unknown``: a target of that name is not served here."""
    why: str = ""


async def check(store: Store, scope: Scope, find: Callable[[str], Target], meeting: Meeting) -> list[Checked]:
    """Every graph that a run is in the midst of."""
    found: list[Checked] = []
    for status in _OPEN:
        cursor: str | None = None
        while page := await store.runs.list(scope, Page(100, cursor, newest=False), status=status):
            for record in page:
                if record.seq:
                    found += await _checked(store, scope, record, find, meeting)
            cursor = page[-1].id
    return found


async def _checked(
    store: Store, scope: Scope, record: RunRecord, find: Callable[[str], Target], meeting: Meeting
) -> list[Checked]:
    waiting: set[str] = set()
    found: list[Checked] = []
    for path in await store.history.paths(scope, record.thread_id):
        parts = path.split("/")
        if parts[0] != record.target or (len(parts) > 1 and "/".join(parts[:-1]) not in waiting):
            continue
        snapshot = await store.history.at(scope, record.thread_id, path)
        head = codec.decode_head(snapshot.head)
        waiting.update(f"{path}/{id}" for id, _ in head.nodes)
        graph = graph_of(find, path)
        told = None if graph is None else meet(graph, snapshot, meeting)
        found.append(
            Checked(
                thread_id=record.thread_id,
                run_id=record.id,
                path=path,
                was=head.version or snapshot.version,
                now="" if graph is None else graph.evolution.version or graph.version,
                verdict="unknown" if told is None else told.kind,
                why="" if told is None else told.why,
            )
        )
    return found


def graph_of(find: Callable[[str], Target], path: str) -> Graph | None:
    """The graph at a path: that of the target whose name it ends in; ``None`` where that is not served here."""
    name = path.rpartition("/")[2].partition("#")[0]
    try:
        return find(name).graph()
    except NotFound:
        return None
