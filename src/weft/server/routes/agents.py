"""What can be run, under which names."""

from fastapi import APIRouter, Response

from weft.server.deps import ScopeDep, ServedDep
from weft.server.description import answers
from weft.server.schemas import Id
from weft.server.views import Agents, AgentView, reply

router = APIRouter(prefix="/agents", tags=["agents"])


@router.get("", operation_id="listAgents", responses=answers(Agents))
async def index(served: ServedDep, scope: ScopeDep) -> Response:
    """Everything that can be run here."""
    return reply(Agents(await served.catalog.all()))


@router.get("/{name}", operation_id="getAgent", responses=answers(AgentView, 404))
async def show(name: Id, served: ServedDep, scope: ScopeDep) -> Response:
    """One of them."""
    return reply(await served.catalog.one(name))
