"""Execution memory: what a run puts down exactly, to be read by later stages and by who looks on. Nothing is guessed.

It is apart from long-term memory: no search, no merging, no decay; a note is of one run, stage and agent.
"""

from typing import Any

import msgspec
from msgspec import Struct

from weft.engine.context import Context
from weft.errors import StateError, UsageError
from weft.events import now
from weft.storage.base import Scope, Store
from weft.storage.note_rows import NoteRow


class Note(Struct, frozen=True, kw_only=True):
    """Something that a run put down."""

    n: int
    """Greater in later ones."""
    run: str
    thread: str
    user: str
    kind: str
    """``proposal``, ``critique``, ``decision`` or what you call it."""
    stage: str
    agent: str
    at: float
    body: Any


async def note(ctx: Context[Any], kind: str, body: Any, *, name: str = "", stage: str = "", agent: str = "") -> None:
    """Put something down, from a node or a tool.

    Once for each activation, kind and name: what runs again after a crash takes the place of what it had put down.

    Args:
        body: Anything that is JSON.
        name: Tells apart several of one kind.
        stage: The node, if nothing else is said.
        agent: The graph that the node is in, if nothing else is said.

    Raises:
        UsageError: the run is not kept.
        StateError: it is not JSON.
    """
    store: Store | None = ctx.run.store
    if store is None:
        raise UsageError("notes are kept in a store: run it by an App")
    try:
        encoded = msgspec.json.encode(body)
    except (TypeError, ValueError) as error:
        raise StateError(f"the note {kind!r} is not JSON: {error}") from error
    *above, here = ("", *ctx.path)
    row = NoteRow(
        run=ctx.run.id,
        key="\x1f".join(("/".join(ctx.path), kind, name)),
        kind=kind,
        stage=stage or here.partition(":")[2].partition("#")[0] or here,
        agent=agent or (above[-1] or here).partition("#")[0],
        at=now(),
        body=encoded,
    )
    await store.notes.put(row, workspace=ctx.run.workspace)


async def notes(store: Store, scope: Scope, **by: Any) -> list[Note]:
    """As ``Notes.list`` of a store finds them, with their bodies."""
    rows = await store.notes.list(scope, **by)
    return [
        Note(
            n=row.n,
            run=row.run,
            thread=row.thread,
            user=row.user,
            kind=row.kind,
            stage=row.stage,
            agent=row.agent,
            at=row.at,
            body=msgspec.json.decode(row.body),
        )
        for row in rows
    ]
