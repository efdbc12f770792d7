"""A database whose content is sealed: operations and commits pass through here, and see plain values only."""

import asyncio
import secrets
import time
from asyncio import Future
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from weft.errors import StoreError, UsageError
from weft.security.sealing import Sealer
from weft.storage import commits
from weft.storage.base import Commit, Enqueue, Job
from weft.storage.commits import Parts
from weft.storage.database import Database
from weft.storage.pieces import p
from weft.storage.query import Operation, Query, Rows, Steps
from weft.storage.run_queries import ADD_WORKSPACE
from weft.storage.sealed import ID, SECRET, SEQ, DataKey, KeyMissing, Kind, Ring, Sealed, SealedText, bound
from weft.storage.tables import data_keys, runs, workspaces

T = TypeVar("T")
_Place: TypeAlias = tuple[int, Kind, Sequence[int]]
FRESH = 30.0
"""Seconds after which the keys are looked at again: another process may have made a new one."""
_TRIES = 4

_K = data_keys.c
_ALL = Query(
    select(_K.id, workspaces.c.name, _K.kind, _K.retired_at, _K.wrapped)
    .select_from(data_keys.join(workspaces, workspaces.c.n == _K.workspace))
    .order_by(_K.at, _K.id)
)
_ANY = Query(select(func.count()).select_from(data_keys))
_NUMBER = Query(select(workspaces.c.n).where(workspaces.c.name == p("workspace")))
_HAS = Query(select(_K.kind).where(_K.workspace == p("n", "n"), _K.retired_at.is_(None)))
_ADD = Query(
    insert(data_keys).values(
        id=p("id"), workspace=p("n"), kind=p("kind"), at=p("at"), retired_at=None, wrapped=p("wrapped")
    )
)
_RETIRE = Query(
    update(data_keys)
    .where(_K.workspace == p("n", "n"), _K.kind == p("kind"), _K.retired_at.is_(None))
    .values(retired_at=p("at"))
)
_REWRAP = Query(update(data_keys).where(_K.id == p("id")).values(wrapped=p("wrapped")))
FORGET = Query(delete(data_keys).where(_K.workspace == p("w", "n")))
"""Without its keys, what a workspace has is noise."""


def _places(kind: commits.Kind) -> list[_Place]:
    """Where in the rows of a kind, counted from their end, there is content, and what it is bound to."""
    at = {name: place - len(kind.columns) for place, name in enumerate(kind.columns)}
    found = [(at[name], kind.table.c[name].type) for name in kind.columns if name in kind.table.c]
    return [
        (place, type, [at[kind.counted if name == SEQ else name] for name in bound(type.place)])
        for place, type in found
        if isinstance(type, Sealed | SealedText)
    ]


_SEALED_PARTS = {kind.name: _places(kind) for kind in commits.KINDS}
_OUTPUT, _ERROR = 3, 4
"""Where in a ``change_row`` there is content."""


class Sealing:
    """Seals the rows of a commit."""

    __slots__ = ("_ring", "_workspace")

    def __init__(self, ring: Ring, workspace: str) -> None:
        self._ring, self._workspace = ring, workspace

    def into(self, parts: Parts, plain: Parts) -> None:
        """Put rows into ``parts``, sealed."""
        for name, rows in plain.items():
            places = _SEALED_PARTS.get(name)
            parts[name] += [self._row(row, places) for row in rows] if places else rows

    def change(self, run_id: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """What changes of a run, sealed."""
        values = list(row)
        output: Any = runs.c.output.type
        error: Any = runs.c.error.type
        values[_OUTPUT] = self._ring.seal(self._workspace, output, row[_OUTPUT], [run_id])
        values[_ERROR] = self._ring.seal(self._workspace, error, row[_ERROR])
        return tuple(values)

    def _row(self, row: tuple[Any, ...], places: Iterable[_Place]) -> tuple[Any, ...]:
        values = list(row)
        for at, kind, beside in places:
            values[at] = self._ring.seal(self._workspace, kind, row[at], [row[one] for one in beside])
        return tuple(values)


class SealedDatabase:
    """``Database`` before another one."""

    def __init__(self, inner: Database, master: Sealer) -> None:
        self.inner, self.keys = inner, Ring()
        self._master = master
        self._fresh = 0.0
        self._known: dict[bytes, DataKey] = {}
        self._lines: dict[str, deque[tuple[Commit, Future[None]]]] = {}
        """Commits of workspaces whose key is being looked for."""
        self._looking: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return self.inner.url

    async def read(self, operation: Operation[T], *, brief: bool = False) -> T:
        await self._in_line()
        return await self._tried(lambda: self.inner.read(self._opened(operation), brief=brief))

    async def write(self, operation: Operation[T], *, lone: bool = False) -> T:
        return await self._written(operation, lambda steps: self.inner.write(steps, lone=lone))

    async def queue(self, operation: Operation[T], jobs: Callable[[T], Sequence[Job]], enqueue: Enqueue) -> T:
        return await self._written(operation, lambda steps: self.inner.queue(steps, jobs, enqueue))

    async def erase(self, operation: Operation[T]) -> T:
        return await self._written(operation, self.inner.erase)

    def commit(self, commit: Commit) -> "Future[None]":
        if self.keys.knows(commit.workspace) and commit.workspace not in self._lines:
            commit.seal = Sealing(self.keys, commit.workspace)
            return self.inner.commit(commit)
        future: Future[None] = asyncio.get_running_loop().create_future()
        line = self._lines.setdefault(commit.workspace, deque())
        line.append((commit, future))
        if len(line) == 1:
            task = asyncio.get_running_loop().create_task(self._late(commit.workspace))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)
        return future

    async def _late(self, workspace: str) -> None:
        """Write what waited for a key, in order."""
        failure: Exception | None = None
        try:
            await self._look(KeyMissing(workspace))
        except Exception as error:
            failure = error
        for commit, future in self._lines.pop(workspace):
            if failure is not None:
                future.set_exception(failure)
                future.exception()
            else:
                self.commit(commit).add_done_callback(lambda done, told=future: _tell(told, done))

    async def compact(self) -> None:
        await self.inner.compact()

    async def scrub(self, *, whole: bool = False) -> None:
        await self.inner.scrub(whole=whole)

    def ring(self, runs: Iterable[str]) -> None:
        self.inner.ring(runs)

    def listen(self, ring: Callable[[str], None]) -> Callable[[], None]:
        return self.inner.listen(ring)

    async def close(self) -> None:
        await self._in_line()
        await self.inner.close()

    # Operations

    def _opened(self, operation: Operation[T], names: set[str] | None = None) -> Operation[T]:
        """The same, between sealed values below and plain ones above."""
        ring = self.keys

        def steps() -> Steps[T]:
            inner = operation()
            workspace: str | None = None
            try:
                query, values = next(inner)
                while True:
                    named = values.get("workspace")
                    if isinstance(named, str):
                        workspace = named
                        if names is not None:
                            names.add(named)
                    parts = query.sealed()
                    if parts.parameters:
                        plain, values = values, dict(values)
                        for name, kind, beside in parts.parameters:
                            if plain.get(name) is not None:
                                told = [tell(plain[one]) for one, tell in beside]
                                values[name] = ring.seal(workspace, kind, plain[name], told)
                    rows: Rows = yield parts.wide, values
                    query, values = inner.send(ring.rows(parts.columns, rows, workspace, parts.width))
            except StopIteration as stop:
                result: T = stop.value
                return result

        return steps

    async def _written(self, operation: Operation[T], write: Callable[[Operation[T]], Awaitable[T]]) -> T:
        """Whatever workspace it names has a key from then on: commits do not wait for one."""
        await self._in_line()
        named: set[str] = set()
        result: T = await self._tried(lambda: write(self._opened(operation, named)))
        for workspace in named:
            if not self.keys.knows(workspace):
                await self._look(KeyMissing(workspace))
        return result

    async def _in_line(self) -> None:
        """Operations do not overtake commits that wait for a key."""
        while self._looking:
            await asyncio.wait(self._looking)

    async def _tried(self, attempt: Callable[[], Any]) -> Any:
        if time.monotonic() > self._fresh:
            await self.load()
        for _ in range(_TRIES):
            try:
                return await attempt()
            except KeyMissing as missing:
                await self._look(missing)
        return await attempt()

    # Keys

    async def _look(self, missing: KeyMissing) -> None:
        """Raises: StoreError: there is no such key any more."""
        await self.load()
        if missing.workspace is not None and not self.keys.knows(missing.workspace):
            await self.renew(missing.workspace, retire=False)
        elif missing.id is not None and missing.id not in self._known:
            raise StoreError("the key that this was sealed under is gone: its workspace was erased")

    async def load(self) -> None:
        """Read the keys.

        Raises:
            UsageError: they were wrapped by another master key.
        """

        def steps() -> Steps[Rows]:
            return (yield _ALL, {})

        self._fresh = time.monotonic() + FRESH
        known: dict[bytes, DataKey] = {}
        current: dict[tuple[str, str], DataKey] = {}
        for id, workspace, kind, retired_at, wrapped in await self.inner.read(steps):
            key = self._known.get(bytes(id)) or DataKey(
                bytes(id), self._unwrapped(bytes(id), bytes(wrapped)), workspace
            )
            known[key.id] = key
            if retired_at is None:
                current[workspace, kind] = key
        self._known = known
        names = {workspace for workspace, kind in current if kind == "data" and (workspace, "names") in current}
        self.keys.replace(known, {name: (current[name, "data"], current[name, "names"]) for name in names})

    async def renew(self, workspace: str, *, retire: bool = True) -> None:
        """Give the workspace a new key for its values (without ``retire`` only where it has none)."""

        def steps() -> Steps[None]:
            yield ADD_WORKSPACE, {"workspace": workspace}
            n = (yield _NUMBER, {"workspace": workspace})[0][0]
            at = time.time()
            if retire:
                yield _RETIRE, {"n": n, "kind": "data", "at": at}
            has = {row[0] for row in (yield _HAS, {"n": n})}
            for kind in ("data", "names"):
                if kind not in has:
                    id = secrets.token_bytes(ID)
                    wrapped = self._master.sealed(_name(id), secrets.token_bytes(SECRET))
                    yield _ADD, {"id": id, "n": n, "kind": kind, "at": at, "wrapped": wrapped}

        await self.inner.write(steps)
        await self.load()

    async def rewrap(self, master: Sealer) -> int:
        """Wrap all data keys by another master key, in one transaction; how many. Values stay as they are."""

        def steps() -> Steps[int]:
            rows = yield _ALL, {}
            for id, _, _, _, wrapped in rows:
                secret = self._unwrapped(bytes(id), bytes(wrapped))
                yield _REWRAP, {"id": id, "wrapped": master.sealed(_name(bytes(id)), secret)}
            return len(rows)

        count: int = await self.inner.write(steps)
        self._master = master
        return count

    def _unwrapped(self, id: bytes, wrapped: bytes) -> bytes:
        try:
            return self._master.opened(_name(id), wrapped)
        except UsageError:
            raise UsageError(
                "this store is sealed under another master key: set WEFT_MASTER_KEY (or _FILE, or _COMMAND) to the one "
                "that it was sealed under; nothing was written"
            ) from None


def _name(id: bytes) -> str:
    return f"data key {id.hex()}"


def _tell(told: "Future[None]", done: "Future[None]") -> None:
    if told.done():
        return
    if done.cancelled():
        told.cancel()
    elif (error := done.exception()) is not None:
        told.set_exception(error)
        told.exception()
    else:
        told.set_result(None)


async def unlocked(database: Database, master: Sealer | None) -> Database:
    """The database as it is to be used: with a master key its content is sealed.

    Raises:
        UsageError: there is no key, and its content is sealed; or it is another one.
    """

    def steps() -> Steps[int]:
        return (yield _ANY, {})[0][0]

    if master is None:
        if await database.read(steps):
            raise UsageError(
                "this store is sealed: set WEFT_MASTER_KEY, WEFT_MASTER_KEY_FILE or WEFT_MASTER_KEY_COMMAND to the "
                "master key that it was sealed under"
            )
        return database
    sealed = SealedDatabase(database, master)
    await sealed.load()
    return sealed
