"""How agents come to do better: feedback, proposals, profiles, notes of runs, and the work on memories."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BeforeValidator, Field

from weft.errors import AccessDenied
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.memory_views import MemoryView, kept_memory, memory_view
from weft.server.practice_views import (
    ChoreList,
    NoteList,
    Passages,
    ProfileView,
    Proposals,
    Remarks,
    chore_view,
)
from weft.server.schemas import After, Body, Id, Limit, Name, Number, Words, sound
from weft.server.views import reply
from weft.storage.base import Scope
from weft.storage.feedback_rows import Remark, Verdict

router = APIRouter(tags=["practice"])


def _printable(text: str | None) -> str | None:
    if text is not None and any(ord(character) < 32 for character in text):
        raise ValueError("control characters are in no name")
    return text


Named = Annotated[str | None, Query(max_length=200), AfterValidator(_printable)]
Whose = Annotated[Words, Field(max_length=200), AfterValidator(_printable)]


class GiveFeedback(Body):
    """What somebody says of a run."""

    kind: Verdict
    value: Annotated[Words, Field(min_length=1, max_length=8_000)]
    """`up` or `down`; what should have been said; or a word of one's own."""
    message: Annotated[int, Field(ge=0, le=2**31)] = 0
    """Its number in the thread; 0 for the run as a whole."""


class RejectProposal(Body):
    """A person's word on what was proposed."""

    reason: Annotated[Words, Field(max_length=2_000)] = ""
    """Who proposes next is told it."""


class AddChore(Body):
    """Work to be done in the background."""

    kind: Literal["tidy", "propose"]
    agent: Whose = ""
    """Whose instructions; for `propose`."""
    user: Whose | None = None
    """For `propose`, without one: for everybody."""


class PinMessage(Body):
    """A message to be kept in view."""

    message: Annotated[int, Field(ge=1, le=2**31)]


class ChangeProfile(Body):
    """Fields of a profile, in the schema of an agent; `null` ends what holds no more."""

    agent: Name
    changes: Annotated[dict[str, Any], Field(min_length=1), BeforeValidator(sound)]


def _user(scope: Scope, user: str | None) -> str:
    if scope.user is not None and user not in (None, "", scope.user):
        raise AccessDenied("this is another user's")
    return scope.user or user or "local"


@router.post(
    "/runs/{id}/feedback", operation_id="giveFeedback", status_code=201, responses=answers(Remark, 404, 413, status=201)
)
async def give(id: Id, body: GiveFeedback, app: AppDep, scope: ScopeDep) -> Response:
    """Say of a run, or of one message of it, that it was good, what it should have been, or what it is."""
    author = scope.user or "local"
    remark = await app.feedback(id, body.kind, body.value, message=body.message, user=scope.user, author=author)
    return reply(remark, 201)


@router.get("/feedback", operation_id="listFeedback", responses=answers(Remarks))
async def remarks(
    app: AppDep,
    scope: ScopeDep,
    run: Named = None,
    thread: Named = None,
    agent: Named = None,
    after: After = 0,
    limit: Limit = 50,
) -> Response:
    """What was said of runs, in order."""
    by = {"run_id": run, "thread_id": thread, "agent": agent}
    return reply(Remarks(list(await app.store.feedback.list(scope, after=after, limit=limit, **by))))


@router.delete(
    "/feedback/{n}", operation_id="removeFeedback", status_code=204, responses=answers(None, 404, status=204)
)
async def remove(n: Number, app: AppDep, scope: ScopeDep) -> Response:
    """Take it back."""
    await app.store.feedback.remove(scope, min(max(n, 0), 2**53))
    return Response(status_code=204)


@router.get("/proposals", operation_id="listProposals", responses=answers(Proposals))
async def proposals(app: AppDep, scope: ScopeDep) -> Response:
    """Instructions that models propose, and that wait for a person's word."""
    return reply(Proposals([kept_memory(placed) for placed in await app.proposals(scope.user)]))


@router.post("/proposals/{id}/approve", operation_id="approveProposal", responses=answers(MemoryView, 404, 409))
async def approve(id: Id, app: AppDep, scope: ScopeDep) -> Response:
    """It is in the agent's instructions from its next turn on."""
    return reply(memory_view(await app.approve(id, scope.user)))


@router.post("/proposals/{id}/reject", operation_id="rejectProposal", responses=answers(MemoryView, 404, 409))
async def reject(id: Id, app: AppDep, scope: ScopeDep, body: RejectProposal | None = None) -> Response:
    """Drop it; it stays in the history."""
    return reply(memory_view(await app.reject(id, scope.user, reason="" if body is None else body.reason)))


@router.get("/chores", operation_id="listChores", responses=answers(ChoreList))
async def chores(app: AppDep, scope: ScopeDep, limit: Limit = 50) -> Response:
    """The work on memories that is done beside the runs, the newest first."""
    return reply(ChoreList([chore_view(one) for one in await app.store.chores.list(scope, limit=limit)]))


@router.post("/chores", operation_id="addChore", status_code=202, responses=answers(ChoreList, 403, 404, status=202))
async def add(body: AddChore, app: AppDep, scope: ScopeDep) -> Response:
    """Put a user's memories in order, or let an agent's model propose better instructions from feedback."""
    if body.kind == "tidy":
        await app.tidy(_user(scope, body.user))
    else:
        await app.propose(body.agent, _user(scope, body.user) if scope.user or body.user else "")
    found = await app.store.chores.list(scope, kind=body.kind, limit=1)
    return reply(ChoreList([chore_view(one) for one in found]), 202)


@router.get("/notes", operation_id="listNotes", responses=answers(NoteList))
async def notes(
    app: AppDep,
    scope: ScopeDep,
    run: Named = None,
    thread: Named = None,
    kind: Named = None,
    stage: Named = None,
    agent: Named = None,
) -> Response:
    """What runs put down for themselves and others: proposals, critiques, decisions."""
    found = await app.notes(run=run, thread=thread, kind=kind, stage=stage, agent=agent, user=scope.user)
    return reply(NoteList(found))


@router.get("/threads/{id}/search", operation_id="searchThread", responses=answers(Passages, 404))
async def search(
    id: Id,
    app: AppDep,
    scope: ScopeDep,
    q: Annotated[str, Query(min_length=1, max_length=2_000, pattern=r"^[^\x00]+$")],
    limit: Annotated[Number, Query(ge=1, le=100)] = 10,
) -> Response:
    """Messages of all of a thread, best first; also those that no model sees any more."""
    return reply(Passages(await app.search_thread(id, q, user=scope.user, limit=limit)))


@router.post(
    "/threads/{id}/pins", operation_id="pinMessage", status_code=201, responses=answers(MemoryView, 404, status=201)
)
async def pin(id: Id, body: PinMessage, app: AppDep, scope: ScopeDep) -> Response:
    """Keep a message before the agent wherever the conversation goes; erase the memory to end that."""
    thread = await app.store.threads.get(scope, id)
    return reply(memory_view(await app.pin(id, body.message, user=thread.user_id)), 201)


@router.get("/profile", operation_id="getProfile", responses=answers(ProfileView, 403))
async def profile(
    app: AppDep,
    scope: ScopeDep,
    user: Named = None,
    as_of: Annotated[float | None, Query(ge=-1e11, le=1e11, allow_inf_nan=False)] = None,
) -> Response:
    """What is known of a user in the schemas of agents; ``as_of``: what held then."""
    return reply(ProfileView(await app.profile(_user(scope, user), as_of=as_of)))


@router.patch("/profile", operation_id="changeProfile", responses=answers(ProfileView, 403, 404, 413))
async def change_profile(body: ChangeProfile, app: AppDep, scope: ScopeDep, user: Named = None) -> Response:
    """Write fields of a user's profile. All or none: each must fit the agent's schema."""
    return reply(ProfileView(await app.change_profile(body.agent, body.changes, _user(scope, user))))
