"""What is remembered: read it, search it, write it by hand, change it, take it away."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from weft.errors import AccessDenied, UsageError
from weft.memory.longterm import Memories, Of
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.memory_views import (
    Erased,
    FoundMemories,
    FoundMemory,
    MemoryPage,
    MemoryStory,
    MemoryView,
    kept_memory,
    memory_view,
)
from weft.server.schemas import Body, Id, Number, Words
from weft.server.views import reply
from weft.storage.base import Scope
from weft.storage.memory_rows import Kind

router = APIRouter(prefix="/memories", tags=["memories"])

User = Annotated[
    str | None, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="Whose; who asks, if not named.")
]
Time = Annotated[float, Field(ge=-1e11, le=1e11, allow_inf_nan=False)]
Text = Annotated[Words, Field(min_length=1, max_length=8_000)]
Name = Annotated[Words, Field(max_length=200)]


class AddMemory(Body):
    """Something to remember, on a person's word."""

    text: Text
    of: Of = "user"
    kind: Kind = "semantic"
    subject: Name = ""
    attribute: Name = ""
    """Where the subject has one value of it at a time: a later one ends an earlier one."""
    relation: Name = ""
    """How the subject is connected to the object, where there may be many: `knows`, `not knows`, `alias`."""
    object: Name = ""
    """What the subject is connected to, by the attribute or the relation."""
    agent: Name = ""
    thread: Name = ""
    valid_from: Time | None = None
    until: Time | None = None
    expires_at: Time | None = None
    importance: Annotated[float, Field(ge=0, le=1)] = 0.5
    pinned: bool = False


class ChangeMemory(Body):
    """What is to be changed; the rest stays, and the old version is in the history."""

    text: Text | None = None
    kind: Kind | None = None
    until: Time | None = None
    expires_at: Time | None = None
    importance: Annotated[float | None, Field(ge=0, le=1)] = None
    pinned: bool | None = None


def memories_of(app: AppDep, scope: Scope, user: str | None, agent: str = "", thread: str = "") -> Memories:
    if scope.user is not None and user not in (None, scope.user):
        raise AccessDenied("these are another user's memories")
    return app.memories(scope.user or user or "local", agent=agent, thread=thread)


@router.get("", operation_id="listMemories", responses=answers(MemoryPage))
async def index(
    app: AppDep,
    scope: ScopeDep,
    user: User = None,
    kind: Kind | None = None,
    limit: Annotated[Number, Query(ge=1, le=200)] = 50,
    after: Annotated[Number, Query(ge=0, le=2**53)] = 0,
) -> Response:
    """What is known now, the newest first: one user's, or for who sees the whole workspace all of it."""
    memories_of(app, scope, user)
    whose = Scope(scope.workspace, user or scope.user)
    rows = await app.store.memories.list(whose, kind=kind, after=after, limit=limit + 1)
    more = rows[limit - 1].n if len(rows) > limit else None
    return reply(MemoryPage([kept_memory(row) for row in rows[:limit]], more))


@router.get("/search", operation_id="searchMemories", responses=answers(FoundMemories))
async def search(
    app: AppDep,
    scope: ScopeDep,
    q: Annotated[str, Query(min_length=1, max_length=2_000, pattern=r"^[^\x00]+$")],
    user: User = None,
    agent: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")] = "",
    thread: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")] = "",
    limit: Annotated[Number, Query(ge=1, le=100)] = 10,
    as_of: Annotated[float | None, Query(ge=-1e11, le=1e11, allow_inf_nan=False)] = None,
    known_at: Annotated[float | None, Query(ge=-1e11, le=1e11, allow_inf_nan=False)] = None,
) -> Response:
    """What fits best, best first; ``as_of`` what held then, ``known_at`` as was known then."""
    memories = memories_of(app, scope, user, agent, thread)
    found = await memories.search(q, limit=limit, as_of=as_of, known_at=known_at)
    return reply(FoundMemories([FoundMemory(memory=memory_view(one.memory), score=one.score) for one in found]))


@router.post("", operation_id="addMemory", status_code=201, responses=answers(MemoryView, 403, 413, status=201))
async def add(body: AddMemory, app: AppDep, scope: ScopeDep, user: User = None) -> Response:
    """Remember. Who says the same again gets the memory that is there."""
    if body.of == "workspace" and scope.user is not None:
        raise AccessDenied("a user cannot write what everybody is told")
    given = body.model_dump(exclude={"agent", "thread"})
    kept = await memories_of(app, scope, user, body.agent, body.thread).add(given.pop("text"), **given)
    return reply(memory_view(kept), 201)


@router.get("/{id}", operation_id="getMemory", responses=answers(MemoryStory, 404))
async def show(id: Id, app: AppDep, scope: ScopeDep) -> Response:
    """A memory with its history and its sources."""
    versions = await app.store.memories.find(scope, id)
    sources = await app.store.memories.sources(scope, id)
    shelf = versions[-1].shelf
    views = [memory_view(each.row) for each in versions]
    return reply(MemoryStory(views, list(sources), shelf.user, shelf.agent, shelf.thread))


@router.patch("/{id}", operation_id="changeMemory", responses=answers(MemoryView, 403, 404, 409, 413))
async def change(id: Id, body: ChangeMemory, app: AppDep, scope: ScopeDep) -> Response:
    """Write a new version of a memory."""
    changes: dict[str, Any] = body.model_dump(exclude_unset=True)
    nothing = {name for name in ("text", "kind", "importance", "pinned") if changes.get(name, "") is None}
    if nothing or not changes:
        raise UsageError(f"say what {' and '.join(sorted(nothing)) or 'it'} should be")
    owner = (await app.store.memories.find(scope, id))[-1].shelf.user
    if owner is None:
        raise UsageError("what is everybody's is not changed: add what holds now, and erase this")
    return reply(memory_view(await memories_of(app, scope, owner).update(id, **changes)))


@router.delete("/{id}", operation_id="eraseMemory", status_code=204, responses=answers(None, 404, status=204))
async def erase(id: Id, app: AppDep, scope: ScopeDep) -> Response:
    """Take a memory away with all its versions; no bytes are left."""
    await app.store.memories.find(scope, id)
    await app.store.memories.erase(scope, id=id)
    return Response(status_code=204)


@router.delete("", operation_id="eraseMemories", responses=answers(Erased))
async def erase_all(app: AppDep, scope: ScopeDep, user: User = None) -> Response:
    """Take away everything that is remembered of a user."""
    memories = memories_of(app, scope, user)
    return reply(Erased(await memories.erase()))
