"""What memories connect: entities, what is around one, and the ways from one to another."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from weft.memory.graph import Graph
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.memory_views import Around, EntityPage, Ways, edge_view
from weft.server.routes.memories import User, memories_of
from weft.server.schemas import Number
from weft.server.views import reply

router = APIRouter(prefix="/entities", tags=["memories"])

Called = Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Whose = Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Moment = Annotated[float | None, Query(ge=-1e11, le=1e11, allow_inf_nan=False)]


async def _graph(
    app: AppDep,
    scope: ScopeDep,
    user: User = None,
    agent: Whose = "",
    thread: Whose = "",
    as_of: Moment = None,
    known_at: Moment = None,
) -> Graph:
    """What held ``as_of`` then, as was known at ``known_at``."""
    return await memories_of(app, scope, user, agent, thread).graph(as_of=as_of, known_at=known_at)


GraphDep = Annotated[Graph, Depends(_graph)]


@router.get("", operation_id="listEntities", responses=answers(EntityPage))
async def index(
    graph: GraphDep,
    limit: Annotated[Number, Query(ge=1, le=200)] = 50,
    after: Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="A name.")] = "",
) -> Response:
    """All that is connected, by name."""
    found = graph.entities(after=after, limit=limit + 1)
    more = found[limit - 1].name if len(found) > limit else None
    return reply(EntityPage(found[:limit], more))


@router.get("/related", operation_id="relatedEntities", responses=answers(Around))
async def related(
    graph: GraphDep,
    name: Called,
    depth: Annotated[Number, Query(ge=1, le=5, description="Edges from it, at most.")] = 1,
    limit: Annotated[Number, Query(ge=1, le=200)] = 50,
) -> Response:
    """What an entity is connected to, the nearest first; nothing for one that nobody named."""
    edges = graph.neighbours(name, depth=depth, limit=limit)
    return reply(Around(list(graph.names(name)), [edge_view(edge) for edge in edges]))


@router.get("/paths", operation_id="pathsOfEntities", responses=answers(Ways))
async def paths(
    graph: GraphDep,
    start: Called,
    end: Called,
    most: Annotated[Number, Query(ge=1, le=8, description="Edges of a path, at most.")] = 4,
    limit: Annotated[Number, Query(ge=1, le=50)] = 10,
) -> Response:
    """The shortest ways from one entity to another."""
    ways = graph.paths(start, end, most=most, limit=limit)
    return reply(Ways([[edge_view(edge) for edge in way] for way in ways]))
