"""What commands do to the state of a run before anything of it runs: taken back, written to, or gone back in."""

from typing import Any

from msgspec.structs import replace

from weft.engine.graph import Graph
from weft.engine.step import Checkpoint, amend, begin
from weft.errors import UsageError, WeftError
from weft.runtime.commands import Command, Rerun, Rollback, SetState, kind
from weft.runtime.goingback import before_node, before_runs
from weft.runtime.journal import Journal
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


async def commanded(
    steering: Steering, journal: Journal, graph: Graph, path: str, checkpoint: Checkpoint
) -> list[Checkpoint]:
    """Take the commands that wait before anything runs: the checkpoints that they lead to, one after the other."""
    amended: list[Checkpoint] = []
    again = await _reruns(steering, journal, graph, path, checkpoint)

    def write(row: CommandRow, command: Command) -> Any:
        last = amended[-1] if amended else checkpoint
        if isinstance(command, Rerun):
            found = again.get(row.number, UsageError("it came too late"))
            if isinstance(found, Exception):
                raise found
            amended[:] = [found]
            return {"node": command.node, "step": found.step}
        if not isinstance(command, SetState):
            raise UsageError(f"{kind(command)} cannot be done here")
        amended.append(amend(graph, last, as_update(graph, command)))
        return {"channels": list(command.writes), "step": amended[-1].step}

    steering.take(write)
    return amended


async def _reruns(
    steering: Steering, journal: Journal, graph: Graph, path: str, now: Checkpoint
) -> dict[int, Checkpoint | WeftError]:
    """For each command to run a node again where it leads, or why it cannot be done."""
    found: dict[int, Checkpoint | WeftError] = {}
    for row, command in steering.waiting("rerun"):
        assert isinstance(command, Rerun)
        assert journal.store is not None
        try:
            found[row.number] = await before_node(journal.store, journal.info.thread_id, path, graph, command.node, now)
        except WeftError as error:
            found[row.number] = error
    return found
