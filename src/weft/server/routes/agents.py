"""What can be run, under which names."""

from fastapi import APIRouter, Response

from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.schemas import Id
from weft.server.views import Agents, AgentView, agent_view, reply

router = APIRouter(prefix="/agents", tags=["agents"])


@router.get("", operation_id="listAgents", responses=answers(Agents))
async def index(app: AppDep, scope: ScopeDep) -> Response:
    """Everything that can be run here."""
    return reply(Agents([agent_view(target) for target in app.targets().values()]))


@router.get("/{name}", operation_id="getAgent", responses=answers(AgentView, 404))
async def show(name: Id, app: AppDep, scope: ScopeDep) -> Response:
    """One of them."""
    return reply(agent_view(app.find(name)))
