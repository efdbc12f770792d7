"""How an invocation begins: with an input, after an interrupt, or from a point of the past."""

from collections.abc import Mapping
from typing import Any, cast

from msgspec.structs import replace

from weft.engine.graph import Update
from weft.engine.step import Activation, Checkpoint, begin
from weft.errors import GraphError
from weft.langgraph.errors import EmptyInputError, InvalidUpdateError
from weft.langgraph.points import ANSWERS, Point
from weft.langgraph.recording import Recorded
from weft.langgraph.state import entries
from weft.langgraph.words import START, Command


class Beginning(Recorded):
    """Finds the point to go on from, and what is to be done there first."""

    resuming: bool = False

    async def begin(self, given: Any) -> bool:
        """Stand where the run begins; whether a new input made that point.

        Raises:
            EmptyInputError, InvalidUpdateError: there is nothing to begin with.
        """
        found, addressed = await self._found()
        if found is not None:
            self.point = found
        command = cast("Command[Any]", given) if isinstance(given, Command) else None
        self.first_step = self.point.step + 1
        nested = bool(self.namespace)
        if found is not None and (given is None or command is not None or (nested and self.resuming)):
            await self._go_on(command, addressed=addressed)
            return False
        if not nested:
            self.resuming = False
        if command is not None:
            given = self._commanded(command)
        if given is None and not self.built.takes_anything:
            raise EmptyInputError(f"Received no input for {START}")
        await self._enter(given)
        return True

    async def _found(self) -> tuple[Point | None, bool]:
        """The point to go on from, and whether somebody pointed at it."""
        if self.saver is None or self.trail is None:
            return None, False
        configurable = self.config.get("configurable", {})
        if not self.namespace:
            self.shared.map = configurable.get("checkpoint_map") or {}
        id = self.shared.map.get(self.namespace)
        if id is None and not self.namespace and not configurable.get("checkpoint_ns"):
            id = configurable.get("checkpoint_id")
        if id is None and self.namespace and self.shared.replay is not None:
            self.resuming = False
            if self.shared.visits(self.namespace):
                return await self.saver.find(self.trail, before=self.shared.replay), True
        return await self.saver.find(self.trail, id), id is not None

    async def _enter(self, given: Any) -> None:
        writes = self.built.writes_of(given)
        before = self.point.checkpoint
        entered = Checkpoint(
            step=before.step, values=before.values, frontier=(Activation("0:__start__", START, writes),)
        )
        if (update := self.built.directly(writes)) is not None:
            entered = started(update, before, self.built.graph)
        await self.put(entered, "input", ())

    def _commanded(self, command: Command[Any]) -> Any:
        """A command where nothing is to be gone on from."""
        if command.resume is not None and self.saver is None:
            raise RuntimeError("Cannot use Command(resume=...) without checkpointer")
        return command.update

    async def _go_on(self, command: Command[Any] | None, *, addressed: bool) -> None:
        self.resuming = True
        point = self.point
        answered = command is not None and command.resume is not None
        if answered and command is not None:
            self._answer(command.resume)
        pointed = bool(self.namespace) and self.namespace in self.shared.map
        answering = answered or (bool(self.namespace) and bool(self.shared.resume))
        travels = addressed and (pointed or not answering)
        moved_past = addressed and await self._moved_past(point)
        if travels or moved_past:
            point.done = {}
        if travels:
            point.answers = {}
            await self._travel(point, moved_past=moved_past)
        if command is not None and (command.update is not None or command.goto):
            await self._amend(command)
        await self._give()
        self.tell.values(self.point)

    async def _moved_past(self, point: Point) -> bool:
        """Whether the thread has gone on from there already."""
        assert self.saver is not None
        assert self.trail is not None
        latest = await self.saver.find(self.trail)
        return latest is not None and latest.id != point.id

    async def _travel(self, point: Point, *, moved_past: bool) -> None:
        """Go on from a point of the past: on a branch of its own, unless it was made for that."""
        branch = point.metadata.get("source") in ("update", "fork")
        if not self.namespace:
            self.shared.replay = point.parent if branch and point.parent else point.id
        point.asked = {}
        if not branch or moved_past:
            await self.put(point.checkpoint, "fork", point.by, point.ran)

    async def _amend(self, command: Command[Any]) -> None:
        """Write what a command brings before the run goes on."""
        point = self.point
        before = replace(point.checkpoint, frontier=())
        update = await self.built.update("", Command(update=command.update, goto=command.goto), before.values, None)
        try:
            after = begin(self.built.graph, before, update)
        except GraphError as error:
            raise InvalidUpdateError(str(error)) from error
        frontier = (*point.checkpoint.frontier, *after.frontier)
        checkpoint = replace(after, frontier=frontier, step=point.checkpoint.step + 1)
        kept = (point.done, point.asked, point.answers)
        await self.put(checkpoint, "update", point.by, point.ran)
        self.point.done, self.point.asked, self.point.answers = kept

    def _answer(self, resume: Any) -> None:
        if self.saver is None:
            raise RuntimeError("Cannot use Command(resume=...) without checkpointer")
        open = self.open()
        ids = {one.id for one in open}
        by_id = entries(resume)
        if by_id and all(_is_id(key) for key in by_id) and (ids.issuperset(by_id) or not ids.isdisjoint(by_id)):
            self.shared.resume.update(by_id)
        elif len(open) > 1:
            raise RuntimeError(
                "When there are multiple pending interrupts, you must specify the interrupt id when resuming. "
                "Docs: https://docs.langchain.com/oss/python/langgraph/interrupts#handling-multiple-interrupts."
            )
        else:
            self.shared.spare.append(resume)
            if open:
                self.shared.resume[open[0].id] = resume

    async def _give(self) -> None:
        """Put the answers on record with the tasks that asked here."""
        given: Mapping[str, Any] = self.shared.resume
        for task, asked in self.point.asked.items():
            own = [given[one.id] for one, is_own in asked if is_own and one.id in given]
            if own and task not in self.point.done:
                answers = [*self.point.answers.get(task, []), *own]
                self.point.answers[task] = answers
                self.shared.spare.clear()
                self.keep(task, ANSWERS, answers)
        await self.settle()


def _is_id(key: Any) -> bool:
    return isinstance(key, str) and len(key) == 32 and not set(key).difference("0123456789abcdef")


def started(update: Update, before: Checkpoint, graph: Any) -> Checkpoint:
    """The state after an input.

    Raises:
        InvalidUpdateError: it does not fit.
    """
    try:
        return begin(graph, Checkpoint(step=before.step, values=before.values), update)
    except GraphError as error:
        raise InvalidUpdateError(str(error)) from error
