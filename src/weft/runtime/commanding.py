"""What commands do to the state of a run before anything of it runs: taken back, written to, or gone back in."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from weft.engine.graph import Graph
from weft.engine.step import Checkpoint, amend, begin
from weft.errors import UsageError, WeftError
from weft.runtime.below import Find, Level, level_at
from weft.runtime.commands import Command, Rerun, Rollback, SetState, kind
from weft.runtime.goingback import before_node, before_runs
from weft.runtime.journal import Journal
from weft.runtime.repeats import Left
from weft.runtime.steering import Steering
from weft.runtime.writing import as_update
from weft.storage.base import Scope
from weft.storage.commands import CommandRow


async def begun(
    steering: Steering | None, journal: Journal, graph: Graph, rows: str | None, now: Checkpoint, input: Any
) -> tuple[Checkpoint, bool]:
    """The first checkpoint of a run: from where its thread is or, where it takes back other runs, was before.

    The second says whether it went back, so that every value is to be written anew.
    """
    undo = [] if steering is None else steering.waiting("rollback")
    if steering is None or not undo or journal.store is None:
        return begin(graph, now, input), False
    row, command = undo[0]
    assert isinstance(command, Rollback)
    back, refused = None, None
    record = await journal.store.runs.get(Scope(journal.info.workspace), journal.info.id)
    try:
        back = await before_runs(journal.store, record, graph, command.runs, now, rows, journal.head_seq)
    except UsageError as error:
        refused = str(error)
    steering.drop(row)
    steering.note(row, {"runs": command.runs, **(back.detail if back else {})}, refused)
    if back is None:
        return begin(graph, now, input), False
    first = begin(graph, replace(now, values=back.values, frontier=(), held=()), input)
    return replace(first, written={name: [value] for name, value in first.values.items()}), True


class Taken(Struct, frozen=True):
    """What commands came to: checkpoints of the run's own graph, and of graphs below it, one after the other."""

    amended: list[Checkpoint] = []
    below: dict[str, tuple[Level, list[Checkpoint]]] = {}
    left: list[Left] = []
    """What was left where a node is to run again."""


class Hands:
    """What people do to the state of a run that rests: first looked up, then done in the order of the commands."""

    def __init__(self, journal: Journal, graph: Graph, path: str, checkpoint: Checkpoint, find: Find) -> None:
        assert journal.store is not None
        self._journal, self._store, self._find = journal, journal.store, find
        self._scope, self._thread = Scope(journal.info.workspace), journal.info.thread_id
        self._graph, self._path, self._now = graph, path, checkpoint
        self._levels: dict[str, Level] = {}
        self._again: dict[int, tuple[Checkpoint, int]] = {}
        self._refused: dict[int, WeftError] = {}
        self.taken = Taken([], {}, [])

    async def look(self, steering: Steering) -> None:
        """Find what the commands that wait speak of."""
        for name in ("state", "rerun"):
            for row, command in steering.waiting(name):
                assert isinstance(command, SetState | Rerun)
                try:
                    await self._find_for(row, command)
                except WeftError as error:
                    self._refused[row.number] = error

    async def _find_for(self, row: CommandRow, command: SetState | Rerun) -> None:
        path = command.path or self._path
        if path != self._path and path not in self._levels:
            self._levels[path] = await level_at(self._store, self._scope, self._thread, self._graph, path, self._find)
        if isinstance(command, Rerun):
            graph, now = self._stands(path)
            seq = self._journal.head_seq
            self._again[row.number] = await before_node(
                self._store, self._scope, self._thread, path, graph, command.node, now, seq
            )

    def _stands(self, path: str) -> tuple[Graph, Checkpoint]:
        if path == self._path:
            return self._graph, self._now
        return self._levels[path].graph, self._levels[path].checkpoint

    def do(self, row: CommandRow, command: Command) -> Any:
        """Raises: WeftError, where it cannot be done."""
        if row.number in self._refused:
            raise self._refused[row.number]
        if not isinstance(command, SetState | Rerun):
            raise UsageError(f"{kind(command)} cannot be done here")
        path = command.path or self._path
        if path != self._path and path not in self._levels:
            raise UsageError("it came too late")
        graph, now = self._stands(path)
        made = self.taken.amended
        if path != self._path:
            made = self.taken.below.setdefault(path, (self._levels[path], []))[1]
        where = {} if path == self._path else {"path": path}
        if isinstance(command, SetState):
            made.append(amend(graph, made[-1] if made else now, as_update(graph, command)))
            return {"channels": list(command.writes), "step": made[-1].step, **where}
        if row.number not in self._again:
            raise UsageError("it came too late")
        found, step = self._again[row.number]
        made[:] = [found]
        left = Left(self._thread, path, step, before=found.step)
        self.taken.left.append(left)
        return {"node": command.node, "step": found.step, **where, "left": left}


async def commanded(
    steering: Steering, journal: Journal, graph: Graph, path: str, checkpoint: Checkpoint, find: Find
) -> Taken:
    """Take the commands that wait before anything runs: the checkpoints that they lead to."""
    hands = Hands(journal, graph, path, checkpoint, find)
    await hands.look(steering)
    steering.take(hands.do)
    return hands.taken
