"""Steer a run: pause, resume, step, breakpoints, words, state, abort. What does not fit its status is a 409."""

from typing import Any

from fastapi import APIRouter, Response

from weft.runtime.commands import Command, Inject, Pause, Rerun, Resume, SetBreakpoints, SetState, Step
from weft.runtime.control import Control, Sent
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.routes.runs import view_of
from weft.server.schemas import ChangeState, Id, InjectInput, RerunNode, SetBreakpointsBody, StepRun, Wait
from weft.server.views import Breakpoints, RunView, reply

router = APIRouter(prefix="/runs/{id}", tags=["control"])

_ANSWERS: dict[int | str, dict[str, Any]] = {**answers(RunView, 404, 409, 413, status=202), **answers(RunView)}


async def _steer(id: str, app: AppDep, scope: ScopeDep, command: Command, wait: float | None) -> Response:
    """202 once the command is on record; with ``wait`` 200 once it was taken."""
    control = await app.control(id, scope=scope, by=scope.user or "api")
    return await answer(app, scope, control, await control.send(command), wait)


async def answer(app: AppDep, scope: ScopeDep, control: Control, sent: Sent, wait: float | None) -> Response:
    if wait:
        sent = await control.settled(sent, wait)
    return reply(await view_of(app, scope, sent.run), 200 if wait else 202)


@router.post("/pause", operation_id="pauseRun", status_code=202, responses=_ANSWERS)
async def pause(id: Id, app: AppDep, scope: ScopeDep, wait: Wait = None) -> Response:
    """Let it rest at the next edge between two steps; nothing is lost."""
    return await _steer(id, app, scope, Pause(), wait)


@router.post("/resume", operation_id="resumeRun", status_code=202, responses=_ANSWERS)
async def resume(id: Id, app: AppDep, scope: ScopeDep, wait: Wait = None) -> Response:
    """Let a run go on that was paused, or that a breakpoint holds."""
    return await _steer(id, app, scope, Resume(), wait)


@router.post("/step", operation_id="stepRun", status_code=202, responses=_ANSWERS)
async def step(id: Id, app: AppDep, scope: ScopeDep, body: StepRun | None = None, wait: Wait = None) -> Response:
    """Let it take one step or several, then rest again."""
    return await _steer(id, app, scope, Step(count=body.count if body else 1), wait)


@router.post("/inject", operation_id="injectInput", status_code=202, responses=_ANSWERS)
async def inject(id: Id, body: InjectInput, app: AppDep, scope: ScopeDep, wait: Wait = None) -> Response:
    """Say something to its agent. With `idle` the answer is the run that this becomes."""
    return await _steer(id, app, scope, Inject(input=body.input, when=body.when), wait)


@router.post("/state", operation_id="changeState", responses=answers(RunView, 404, 409, 413))
async def state(id: Id, body: ChangeState, app: AppDep, scope: ScopeDep, wait: Wait = 10.0) -> Response:
    """Write to channels of a paused run, by their types and rules; a checkpoint of its own."""
    return await _steer(id, app, scope, _write(body), wait or 10.0)


def _write(body: ChangeState) -> SetState:
    return SetState(writes=body.writes, node=body.node, path=body.path, overwrite=tuple(body.overwrite))


@router.post("/rerun", operation_id="rerunNode", status_code=202, responses=_ANSWERS)
async def rerun(id: Id, body: RerunNode, app: AppDep, scope: ScopeDep, wait: Wait = None) -> Response:
    """Take a paused run back to before a node last began; it goes on from there."""
    return await _steer(id, app, scope, Rerun(node=body.node, path=body.path), wait)


@router.get("/breakpoints", operation_id="getBreakpoints", responses=answers(Breakpoints, 404))
async def breakpoints(id: Id, app: AppDep, scope: ScopeDep) -> Response:
    """Those in force, or about to be."""
    return reply(Breakpoints(list(await (await app.control(id, scope=scope)).breakpoints())))


@router.put("/breakpoints", operation_id="setBreakpoints", responses=answers(Breakpoints, 404, 409, 413))
async def set_breakpoints(id: Id, body: SetBreakpointsBody, app: AppDep, scope: ScopeDep) -> Response:
    """Hold it at these, and at no others."""
    control = await app.control(id, scope=scope, by=scope.user or "api")
    await control.send(SetBreakpoints(breakpoints=tuple(point.point() for point in body.breakpoints)))
    return reply(Breakpoints(list(await control.breakpoints())))
