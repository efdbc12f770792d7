"""``app.control(run_id)``: a person's hands on one run, whichever process drives it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from weft.engine.context import Target
from weft.errors import Conflict, GraphError, NotFound
from weft.events import RunSteered
from weft.runtime.beginning import Start
from weft.runtime.below import graph_at
from weft.runtime.commands import (
    Abort,
    Breakpoint,
    Command,
    Inject,
    Pause,
    Rerun,
    Resume,
    SetBreakpoints,
    SetState,
    Step,
    check,
    load_command,
)
from weft.runtime.runner import Runner
from weft.runtime.steering import stance_of
from weft.runtime.writing import as_command, as_update
from weft.storage.base import ENDED, Job, RunRecord, Scope


class Sent(Struct, frozen=True, kw_only=True):
    """A command that is on record, and its run as it is now."""

    run: RunRecord
    number: int
    """In the run's inbox; 0 where none was needed."""
    after: int = 0
    """The run's last event before it."""


class Control:
    """Commands for one run. Each is durable before the call returns, and taken exactly once.

    Raises (each of them):
        NotFound: no such run, or it is not yours.
        Conflict: it does not fit what the run does now.
    """

    def __init__(self, runner: Runner, scope: Scope, run_id: str, *, by: str) -> None:
        self._runner, self._scope, self.run_id, self._by = runner, scope, run_id, by

    async def pause(self) -> Sent:
        """Rest at the next edge between two steps, of the run's graph or of one that it calls."""
        return await self.send(Pause())

    async def resume(self) -> Sent:
        """Let a run go on that was paused, or that a breakpoint holds."""
        return await self.send(Resume())

    async def step(self, count: int = 1) -> Sent:
        """Let it go on for so many steps; branches that run side by side may each take the last one."""
        return await self.send(Step(count=count))

    async def break_at(self, *points: Breakpoint) -> Sent:
        """Hold it at these from now on, and at no others."""
        return await self.send(SetBreakpoints(breakpoints=points))

    async def inject(self, input: Any, *, when: Literal["now", "idle"] = "now") -> Sent:
        """Say something to its agent: the next model call sees it, or (``idle``) a run of its own after this one."""
        return await self.send(Inject(input=input, when=when))

    async def modify(
        self, writes: Mapping[str, Any], *, node: str | None = None, path: str | None = None, wait: float = 10.0
    ) -> Sent:
        """Write to channels of the paused run, in the name of ``node`` where only some nodes may write them.

        Values are merged by the rules of their channels; ``Overwrite(value)`` takes the place of what is there.
        ``path`` leads to a graph that is under way below (``"order/2:book/hotel#1"``), as its history does. Waits until
        it is done, at most ``wait`` seconds, where a process that serves the run must do it.

        Raises:
            Conflict: it is not paused, or the writes were refused.
            GraphError: the writes cannot stand.
        """
        return await self.settled(await self.send(as_command(writes, node, path)), wait)

    async def rerun(self, node: str, *, path: str | None = None, wait: float = 10.0) -> Sent:
        """Go back to before ``node`` last began, and go on from there; ``path`` and ``wait`` as for ``modify``.

        What an agent said since leaves its context. What must happen once and happened since is asked about before
        it is done again.

        Raises:
            Conflict: it is not paused, or the node has not run.
            GraphError: there is no such node.
        """
        return await self.settled(await self.send(Rerun(node=node, path=path)), wait)

    async def abort(self, reason: str | None = None) -> Sent:
        """End it with all below it. What it does in this process has stopped when this returns."""
        return await self.send(Abort(reason=reason))

    # Of one form

    async def send(self, command: Command) -> Sent:
        """Any of these."""
        check(command)
        record = await self._record()
        match command:
            case Abort(reason=reason):
                return Sent(run=await self._runner.cancel(self._scope, self.run_id, reason, by=self._by), number=0)
            case Inject(when="idle", input=input):
                scope = Scope(record.workspace, record.user_id)
                run = await self._runner.submit(record.target, input, scope, thread=record.thread_id, start=Start())
                return Sent(run=run, number=0)
            case _:
                self._check(record, command)
                number = await self._runner.send(self._scope, self.run_id, command, by=self._by)
        if not self._runner.worker.serving and isinstance(command, SetState | Rerun):
            await self._drive_here()
        return Sent(run=await self._record(), number=number, after=record.seq)

    async def settled(self, sent: Sent, seconds: float) -> Sent:
        """Once the command was taken, or the run has come to rest after it; as it is after ``seconds``.

        Raises:
            Conflict: it was refused.
        """
        loop, listener = asyncio.get_running_loop(), self._runner.hub.listen(self.run_id)
        until = loop.time() + seconds
        try:
            while not await self._is_settled(sent) and (left := until - loop.time()) > 0:
                listener.queue.clear()
                await listener.wait(min(0.05, left))
        finally:
            self._runner.hub.leave(self.run_id, listener)
        await self._see_refusal(sent)
        return Sent(run=await self._record(), number=sent.number, after=sent.after)

    async def breakpoints(self) -> tuple[Breakpoint, ...]:
        """Those in force, or about to be."""
        await self._record()
        row, waiting = await self._runner.store.inbox.read(self.run_id)
        points = stance_of(row).points
        for command in waiting:
            if command.kind == "breakpoints":
                set_ = load_command(command.kind, command.body)
                points = set_.breakpoints if isinstance(set_, SetBreakpoints) else points
        return points

    async def _record(self) -> RunRecord:
        return await self._runner.store.runs.get(self._scope, self.run_id)

    def _check(self, record: RunRecord, command: Command) -> None:
        """What can be told at once, where we know the target."""
        try:
            target: Target = self._runner.find(record.target)
        except NotFound:
            return
        graph = target.graph()
        if isinstance(command, SetState):
            as_update(graph if command.path is None else graph_at(graph, command.path, self._runner.find), command)
        if isinstance(command, Rerun) and command.path is None and command.node not in graph.nodes:
            raise GraphError(f"graph {graph.name!r} has no node {command.node!r}; it has: {graph.node_names}")
        if isinstance(command, Inject) and any(channel.stored == "rows" for channel in graph.channels.values()):
            graph.enter(command.input)

    async def _drive_here(self) -> None:
        """Nobody serves in this process: do what was asked of the paused run now, and leave it to rest again."""
        record = await self._record()
        if record.status == "queued":
            await self._runner.worker.advance(Job(run_id=record.id, epoch=record.epoch, workspace=record.workspace))

    async def _is_settled(self, sent: Sent) -> bool:
        if sent.number == 0:
            return True
        record = await self._record()
        row, _ = await self._runner.store.inbox.read(self.run_id)
        return row.taken >= sent.number or record.status in ENDED

    async def _see_refusal(self, sent: Sent) -> None:
        after = sent.after
        while rows := await self._runner.store.runs.events(self._scope, self.run_id, after=after, limit=500):
            after = rows[-1].seq
            for row in rows:
                event = row.event
                if isinstance(event, RunSteered) and event.number == sent.number and event.refused:
                    raise Conflict(f"it was refused: {event.refused}")


def decode(body: bytes) -> Command:
    """A command as a client writes it: ``{"command": "step", "count": 2}``.

    Raises:
        msgspec.ValidationError: it is none.
    """
    return msgspec.json.decode(body, type=Command)
