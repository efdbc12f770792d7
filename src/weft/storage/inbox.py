"""The inbox of a SQL store: the steps of each operation, for either database."""

import time
from collections.abc import Sequence

from weft.errors import NotFound
from weft.storage import inbox_queries as q
from weft.storage.base import Enqueue, Fits, Job, RunRecord, Scope, Tx, Waiting
from weft.storage.commands import CommandRow, NewCommand, SteeringRow
from weft.storage.database import Database
from weft.storage.query import Row, Steps
from weft.storage.run_queries import RESUME
from weft.storage.run_rows import job, run

_FIELDS = CommandRow.__struct_fields__
_COUNT = len(_FIELDS)


class SqlInbox:
    """``commands.Inbox`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def send(
        self,
        scope: Scope,
        run_id: str,
        command: NewCommand,
        fits: Fits,
        enqueue: Enqueue | None,
        *,
        worker: str | None = None,
    ) -> int:
        def steps() -> Steps[tuple[int, Sequence[Job]]]:
            found = yield q.LOCK_RUN, {"id": run_id, "workspace": scope.workspace, "user": scope.user}
            if not found:
                raise NotFound(f"no run {run_id!r}")
            n, owner, status = found[0]
            taken, last, asks = (yield q.STANDING, {"n": n})[0]
            fits(status, last > taken, bool(asks))
            number = max(taken, last) + 1
            yield from added(n, owner, number, command)
            if status != "paused" or not command.wakes:
                return number, ()
            values = {"id": run_id, "fence": None, "wake_at": None, "worker": worker, "limits": None}
            return number, [job(row) for row in (yield RESUME, values)]

        def jobs(made: tuple[int, Sequence[Job]]) -> Sequence[Job]:
            return made[1] if enqueue else ()

        number, _ = await self._database.queue(steps, jobs, enqueue or _nobody)
        self._database.ring((run_id,))
        return number

    async def read(self, run_id: str, *, after: int = 0) -> tuple[SteeringRow, Sequence[CommandRow]]:
        def steps() -> Steps[tuple[SteeringRow, Sequence[CommandRow]]]:
            rows = yield q.STEERING, {"id": run_id}
            row = SteeringRow(taken=rows[0][0], held=bool(rows[0][1]), body=rows[0][2]) if rows else SteeringRow()
            commands = yield q.COMMANDS, {"id": run_id, "after": max(after, row.taken)}
            return row, [_command(one) for one in commands]

        return await self._database.read(steps)

    async def waiting(self, worker: str, limit: int = 500) -> Sequence[Waiting]:
        def steps() -> Steps[Sequence[Waiting]]:
            rows = yield q.WAITING_COMMANDS, {"worker": worker, "limit": limit}
            return [Waiting(run=_record(row), command=_command(row[:_COUNT])) for row in rows]

        return await self._database.read(steps)

    async def sweep(self, *, before: float) -> None:
        def steps() -> Steps[None]:
            for query in q.SWEEP:
                yield query, {"before": before}

        await self._database.write(steps)

    async def discard(self, run_id: str, number: int) -> None:
        def steps() -> Steps[None]:
            yield q.DISCARD, {"id": run_id, "number": number}

        await self._database.write(steps, lone=True)


def added(n: int, owner: int, number: int, command: NewCommand) -> Steps[None]:
    """The command for the run of this number; from the first on, the run counts as steered."""
    yield q.ADD_STEERING, {"n": n, "owner": owner, "empty": b"{}"}
    values = {"n": n, "owner": owner, "number": number, "at": time.time(), "wakes": int(command.wakes)}
    yield q.ADD_COMMAND, {"kind": command.kind, "by": command.by, "body": command.body, **values}


def followed(n: int, owner: int, command: NewCommand) -> Steps[None]:
    """The same, after those that are there."""
    taken, last, _ = (yield q.STANDING, {"n": n})[0]
    yield from added(n, owner, max(taken, last) + 1, command)


def _command(row: Row) -> CommandRow:
    return CommandRow(**dict(zip(_FIELDS, row, strict=True)))


def _record(row: Row) -> RunRecord:
    return run(row[_COUNT:])


async def _nobody(tx: Tx, job: Job) -> None:
    """There is no queue to tell."""
