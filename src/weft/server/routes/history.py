"""The past of threads and runs: read it, go on from it, run it again, compare it."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from msgspec import Raw

from weft.runtime import codec
from weft.runtime.diffing import RunsDiff, StatesDiff
from weft.runtime.forks import Edit
from weft.runtime.history import StateView
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.routes.runs import queued, view_of
from weft.server.schemas import Before, ForkThread, Id, Limit, ReplayRun, Step, Wait
from weft.server.views import ForkView, Moments, RunView, StateAt, StateMessage, reply

router = APIRouter(tags=["history"])

Path = Annotated[
    str | None,
    Query(
        min_length=1, max_length=1_000, pattern=r"^[^\x00-\x1f\x7f]+$", description="A graph that the target called."
    ),
]


@router.get("/threads/{id}/history", operation_id="listHistory", responses=answers(Moments, 404))
async def history(
    id: Id, app: AppDep, scope: ScopeDep, path: Path = None, before: Before = None, limit: Limit = 50
) -> Response:
    """The checkpoints of a thread, newest first: when each was made, by what, and what comes next."""
    moments = await (await app.travel()).history(scope, id, path, before=before, limit=limit + 1)
    shown = moments[:limit]
    return reply(Moments(shown, shown[-1].step if len(moments) > limit else None))


@router.get("/threads/{id}/state", operation_id="getState", responses=answers(StateAt, 404))
async def state(id: Id, app: AppDep, scope: ScopeDep, at: Step = None, path: Path = None) -> Response:
    """The state of a thread after a step, and the messages that were in view then; the newest without a step."""
    return reply(_state(await (await app.travel()).state(scope, id, path, at=at)))


@router.post(
    "/threads/{id}/fork",
    operation_id="forkThread",
    status_code=201,
    responses=answers(ForkView, 404, 409, 413, status=201),
)
async def fork(id: Id, body: ForkThread, app: AppDep, scope: ScopeDep, wait: Wait = None) -> Response:
    """Take a thread back to a step, or begin a new one there; perhaps with something written to it.

    With ``go_on`` a run is queued that does what is next, and told with ``wait`` once it rests; before it repeats what
    must happen once, and happened on the line that was left, it asks, unless with ``confirm``.
    """
    travel = await app.travel()
    edit = Edit(write=body.write, node=body.node, goto=body.goto)
    made = await travel.fork(scope, id, body.path, at=body.at, into=body.into, edit=edit)
    run = await travel.submit(scope, made.thread_id, confirm=body.confirm) if body.go_on else None
    if run is not None and wait:
        run = await app.wait(scope, run.id, timeout=wait)
    view = ForkView(
        thread_id=made.thread_id,
        path=made.path,
        step=made.step,
        parent=made.parent,
        next=made.next,
        run_id=made.run_id,
        run=run and await view_of(app, scope, run),
    )
    return reply(view, 201)


@router.post(
    "/runs/{id}/replay",
    operation_id="replayRun",
    status_code=202,
    responses={**answers(RunView, 404, 409, 413, status=202), **answers(RunView)},
)
async def replay(id: Id, body: ReplayRun, app: AppDep, scope: ScopeDep, wait: Wait = None) -> Response:
    """Queue a run that gets the answers which this one got from models and tools: nothing is called.

    With ``wait`` it is told once it rests (202 where it does not in time).

    From step ``live_from`` on everything is called again. Before that repeats what must happen once the run asks,
    unless with ``confirm``.
    """
    travel = await app.travel()
    record = await travel.submit_replay(
        scope, id, until=body.until, live_from=body.live_from, confirm=body.confirm, run_nodes=body.run_nodes
    )
    return await queued(app, scope, record, wait)


@router.get("/runs/{id}/diff/{other}", operation_id="diffRuns", responses=answers(RunsDiff, 404))
async def diff(id: Id, other: Id, app: AppDep, scope: ScopeDep) -> Response:
    """Two runs side by side: the first step at which they differ, and in what."""
    return reply(await (await app.travel()).diff(scope, id, other))


@router.get("/threads/{id}/diff", operation_id="diffStates", responses=answers(StatesDiff, 404))
async def diff_states(
    id: Id,
    app: AppDep,
    scope: ScopeDep,
    a: Step = None,
    b: Step = None,
    path: Path = None,
    other: Annotated[str | None, Query(min_length=1, max_length=200, description="The thread of `b`.")] = None,
) -> Response:
    """The states after two steps side by side, of one thread or of two; without a step, the newest."""
    return reply(await (await app.travel()).diff_states(scope, id, a, b, path, other))


def _state(state: StateView) -> StateAt:
    return StateAt(
        thread_id=state.thread_id,
        path=state.path,
        step=state.step,
        next=state.next,
        values={name: Raw(codec.encode(value)) for name, value in state.values.items()},
        messages=[StateMessage(seq, message) for seq, message in state.messages],
        summary=state.summary,
    )
