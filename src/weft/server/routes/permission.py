"""Which policy holds for the use of tools, and who used which."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator, Field

from weft.errors import AccessDenied
from weft.messages import Json
from weft.runtime.costs import when
from weft.security.policy import policy_of, use_of
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.permission_views import (
    JudgedView,
    PolicyView,
    ProofView,
    Uses,
    judged_view,
    policy_view,
    proof_view,
    use_view,
)
from weft.server.schemas import Body, Cursor, Limit, Words, sound
from weft.server.views import reply
from weft.storage.audit_rows import Link, place_of_use
from weft.storage.base import Page

router = APIRouter(tags=["permission"])

_Filter = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
_When = Query(max_length=40, description="2026-11-21, 2026-11-21T09:00 (UTC), or so long ago: 24h, 7d, 4w.")


class PutPolicy(Body):
    """A whole policy, in the place of a version of it."""

    version: Annotated[int, Field(ge=0, le=2**31)]
    """That the change was made to; 0 where none is on record yet."""
    policy: Annotated[Json, BeforeValidator(sound)]
    """``rules``, ``people``, ``defaults``, ``otherwise``."""


@router.get("/policy", operation_id="getPolicy", responses=answers(PolicyView))
async def show(app: AppDep, scope: ScopeDep) -> Response:
    """The policy that holds for all agents of the workspace."""
    return reply(policy_view(await app.runner.rules.kept(scope.workspace)))


@router.put("/policy", operation_id="putPolicy", responses=answers(PolicyView, 403, 409, 413))
async def put(body: PutPolicy, app: AppDep, scope: ScopeDep) -> Response:
    """Put a policy on record; it holds in every process within two seconds."""
    if scope.user is not None:
        raise AccessDenied("the policy is the workspace's: a user cannot change it")
    policy = policy_of(body.policy)
    return reply(policy_view(await app.runner.rules.put(scope.workspace, policy, expected=body.version)))


class TryPolicy(Body):
    """A call that nobody makes."""

    tool: Annotated[Words, Field(min_length=1, max_length=200)]
    arguments: Annotated[Json, BeforeValidator(sound), Field(default_factory=dict)]
    effect: Literal["read", "idempotent", "once"] = "once"
    agent: Annotated[Words, Field(max_length=200)] = ""
    user: Annotated[Words, Field(max_length=200)] = "local"
    sources: Annotated[list[Words], Field(default_factory=list, max_length=50)]
    """Content of others that had a hand in it, by the names of the tools that gave it."""
    policy: Annotated[Json | None, BeforeValidator(sound)] = None
    """In place of the one that holds: a draft."""


@router.post("/policy/trial", operation_id="tryPolicy", responses=answers(JudgedView))
async def judge(body: TryPolicy, app: AppDep, scope: ScopeDep) -> Response:
    """What would become of a call, by which rule, and which others fit. Nothing is called."""
    use = use_of(body.tool, body.arguments, effect=body.effect, agent=body.agent, user=body.user, sources=body.sources)
    policy = await app.runner.rules.policy(scope.workspace) if body.policy is None else policy_of(body.policy)
    return reply(judged_view(policy, use))


@router.get("/audit", operation_id="listAudit", responses=answers(Uses))
async def audit(
    app: AppDep,
    scope: ScopeDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    run_id: _Filter = None,
    tool: _Filter = None,
    decision: Literal["allow", "ask", "deny"] | None = None,
    since: Annotated[str | None, _When] = None,
    until: Annotated[str | None, _When] = None,
) -> Response:
    """Tool calls that a policy judged, newest first: who, what, by which rule, and hashes of what was said."""
    rows = await app.store.audit.list(
        scope,
        Page(limit + 1, cursor),
        run_id=run_id,
        tool=tool,
        decision=decision,
        since=0.0 if since is None else when(since),
        until=None if until is None else when(until),
    )
    shown = rows[:limit]
    last = place_of_use(shown[-1]) if len(rows) > limit else None
    return reply(Uses([use_view(row) for row in shown], last))


@router.get("/audit/proof", operation_id="verifyAudit", responses=answers(ProofView, 403))
async def proof(
    app: AppDep,
    scope: ScopeDep,
    known: Annotated[str | None, Query(max_length=100, description="The head that an earlier proof had.")] = None,
) -> Response:
    """Whether the audit is as it was written: no row changed, removed or added behind its back."""
    if scope.user is not None:
        raise AccessDenied("the chain of the audit is the workspace's: a user sees only their own rows")
    link = None if known is None else Link.parse(known)
    return reply(proof_view(await app.store.audit.verify(scope.workspace, known=link)))
