"""What was spent, and what may be."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from weft.errors import AccessDenied
from weft.runtime.budgets import Budget
from weft.runtime.costs import as_csv, when
from weft.server.account_views import Budgets, Costs, budget_view, cost_view
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.schemas import Body, Words
from weft.server.views import refer, reply
from weft.storage.accounts import Dimension, Of, Per
from weft.storage.base import Scope

router = APIRouter(tags=["costs"])


_When = Query(max_length=40, description="2026-11-21, 2026-11-21T09:00 (UTC), or so long ago: 24h, 7d, 4w.")
_Only = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Sums, as JSON or as CSV",
        "content": {"application/json": {"schema": refer(Costs)}, "text/csv": {"schema": {"type": "string"}}},
    }
}


@router.get("/costs", operation_id="listCosts", response_class=Response, responses={**answers(None), **_CSV})
async def costs(
    app: AppDep,
    scope: ScopeDep,
    by: Annotated[list[Dimension] | None, Query(max_length=6)] = None,
    since: Annotated[str | None, _When] = None,
    until: Annotated[str | None, _When] = None,
    model: _Only = None,
    agent: _Only = None,
    run: _Only = None,
    thread: _Only = None,
    user: _Only = None,
    format: Literal["json", "csv"] = "json",
) -> Response:
    """Tokens, money and time of all model calls that began in a period, told apart by what one asks for."""
    given: dict[Dimension, str | None] = {"model": model, "agent": agent, "run": run, "thread": thread, "user": user}
    dimensions = tuple(dict.fromkeys(by or ()))
    rows = await app.store.ledger.sums(
        scope,
        dimensions,
        since=0.0 if since is None else when(since),
        until=None if until is None else when(until),
        only={name: value for name, value in given.items() if value is not None},
    )
    if format == "csv":
        return Response(as_csv(dimensions, rows), media_type="text/csv")
    return reply(Costs([cost_view(dimensions, row) for row in rows]))


class SetBudget(Body):
    """How much may be spent in a period."""

    of: Of
    per: Per = "total"
    subject: Annotated[Words, Field(max_length=200)] = ""
    usd: Annotated[float | None, Field(ge=0, le=1e9, allow_inf_nan=False)] = None
    tokens: Annotated[int | None, Field(ge=0, le=2**53)] = None
    unpriced: Literal["refuse", "allow"] = "refuse"


@router.get("/budgets", operation_id="listBudgets", responses=answers(Budgets))
async def budgets(app: AppDep, scope: ScopeDep) -> Response:
    """The budgets that hold here; a user sees the general ones and his own."""
    seen = [state for state in await app.budgets() if scope.user is None or state.budget.subject in ("", scope.user)]
    return reply(Budgets([budget_view(state) for state in seen]))


@router.put("/budgets", operation_id="setBudget", responses=answers(Budgets, 403, 413))
async def set_budget(body: SetBudget, app: AppDep, scope: ScopeDep) -> Response:
    """Make a budget, or change the one of the same kind, subject and period; all of them come back."""
    _owner(scope)
    await app.set_budget(Budget(**body.model_dump()))
    return await budgets(app, scope)


@router.delete("/budgets", operation_id="removeBudget", status_code=204, responses=answers(None, 403, 404, status=204))
async def remove_budget(
    app: AppDep,
    scope: ScopeDep,
    of: Of,
    per: Per,
    subject: Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = "",
) -> Response:
    """Forget a budget. What was spent stays in the ledger."""
    _owner(scope)
    await app.remove_budget(of, per, subject)
    return Response(status_code=204)


def _owner(scope: Scope) -> None:
    """Raises: AccessDenied, for one who sees but his own."""
    if scope.user is not None:
        raise AccessDenied("budgets are set by whoever may see the whole workspace")
