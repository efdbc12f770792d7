"""Trails of a SQL store: the steps of each operation, for either database."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from weft.errors import Fenced, NotFound
from weft.storage import trail_queries as q
from weft.storage.database import Database
from weft.storage.owners import owner_of
from weft.storage.query import Row, Steps
from weft.storage.trails import Body, PointRow, Trail, WriteRow

_PAGE = 64
"""Points looked at in one go, where a reader chooses among them."""
_TOGETHER = 64
"""Values asked for in one query."""
_dump_versions = msgspec.json.Encoder().encode
_load_versions = msgspec.json.Decoder(dict[str, str]).decode


class SqlTrails:
    """``trails.Trails`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, trail: Trail, point: PointRow) -> None:
        def steps() -> Steps[None]:
            yield from _driven(trail)
            n, owner = yield from _begun(trail)
            row = {"id": point.id, "parent": point.parent, "run": point.run, "trail": n, "owner": owner}
            row |= {"kind": point.head[0], "body": point.head[1], "about_kind": point.about[0]}
            yield q.PUT_POINT, {**row, "about": point.about[1], "versions": _dump_versions(point.versions)}
            for channel, (kind, body) in point.values.items():
                key = {"trail": n, "channel": channel, "version": point.versions[channel]}
                yield q.PUT_VALUE, {**key, "owner": owner, "kind": kind, "body": body}

        await self._database.write(steps)

    async def write(self, trail: Trail, point: str, writes: Sequence[WriteRow]) -> None:
        def steps() -> Steps[None]:
            yield from _driven(trail)
            n, owner = yield from _begun(trail)
            for write in writes:
                row = {"trail": n, "point": point, "owner": owner, "path": write.path, "task": write.task}
                row |= {"idx": write.index, "channel": write.channel, "kind": write.body[0], "body": write.body[1]}
                yield q.PUT_WRITE if write.index < 0 else q.ADD_WRITE, row

        await self._database.write(steps)

    async def read(
        self,
        trail: Trail,
        *,
        everything: bool = False,
        all_namespaces: bool = False,
        id: str | None = None,
        before: str | None = None,
        limit: int | None = None,
        wanted: Callable[[Body], bool] | None = None,
    ) -> Sequence[PointRow]:
        query = q.points(
            everything=everything, all_namespaces=all_namespaces, id=id is not None, before=before is not None
        )
        most = 2**31 if limit is None else limit
        page = most if wanted is None else _PAGE

        def steps() -> Steps[Sequence[PointRow]]:
            chosen: list[Row] = []
            offset = 0
            while len(chosen) < most:
                place = {**_whose(trail), "id": id, "before": before, "limit": page, "offset": offset}
                rows = yield query, place
                chosen += [row for row in rows if wanted is None or wanted((row[9], row[10]))]
                offset += len(rows)
                if wanted is None or len(rows) < page:
                    break
            return (yield from _whole(chosen[:most]))

        return await self._database.read(steps)

    async def delete(self, trail: Trail, *, runs: Sequence[str] | None = None) -> None:
        def of_thread() -> Steps[None]:
            for n, _ in (yield q.TRAILS_OF_THREAD, _whose(trail)):
                for query in q.DELETE_TRAIL:
                    yield query, {"n": n}

        def of_runs() -> Steps[None]:
            touched: dict[int, None] = {}
            for run in runs or ():
                for n, id in (yield q.POINTS_OF_RUN, {"run": run, **_whose(trail)}):
                    touched[n] = None
                    for query in q.DELETE_POINT:
                        yield query, {"n": n, "id": id}
            for n in touched:
                yield from _swept(n)

        await self._database.write(of_thread if runs is None else of_runs)

    async def copy(self, trail: Trail, thread: str) -> None:
        def steps() -> Steps[None]:
            for n, namespace in (yield q.TRAILS_OF_THREAD, _whose(trail)):
                to, _ = yield from _begun(msgspec.structs.replace(trail, thread=thread, namespace=namespace))
                for query in q.COPY_TRAIL:
                    yield query, {"n": n, "to": to}

        await self._database.write(steps)

    async def prune(self, trail: Trail, keep: Sequence[str]) -> None:
        def steps() -> Steps[None]:
            rows = yield q.TRAILS_OF_THREAD, _whose(trail)
            for n in [n for n, namespace in rows if namespace == trail.namespace]:
                for id, _ in (yield q.POINT_IDS, {"n": n}):
                    if id not in keep:
                        for query in q.DELETE_POINT:
                            yield query, {"n": n, "id": id}
                yield from _swept(n)

        await self._database.write(steps)


def _whose(trail: Trail) -> dict[str, Any]:
    return {
        "workspace": trail.workspace,
        "user": trail.user,
        "thread": trail.thread,
        "namespace": trail.namespace,
    }


def _driven(trail: Trail) -> Steps[None]:
    """The run that writes it is still its driver's, and has come further."""
    if trail.driver is None:
        return
    run, fence = trail.driver
    rows = yield q.DRIVEN, {"run": run, "fence": fence}
    if not rows:
        raise Fenced(f"run {run} is not at fence {fence} any more: another process owns it")
    if rows[0][0] > 0:
        yield q.PROGRESS, {"run": run}


def _begun(trail: Trail) -> Steps[tuple[int, int]]:
    """The numbers of the trail, which is made where it is new, and of its owner."""
    whose = _whose(trail)
    rows = yield q.TRAIL, whose
    if not rows:
        workspace, owner = yield from owner_of(trail.workspace, trail.user)
        yield q.ADD_TRAIL, {**whose, "workspace_n": workspace, "owner": owner}
        rows = yield q.TRAIL, whose
    n, owner = rows[0]
    if (yield q.OWNER, whose)[0][0] != owner:
        raise NotFound(f"no thread {trail.thread!r}")
    return n, owner


def _whole(rows: Sequence[Row]) -> Steps[Sequence[PointRow]]:
    """Points with their values and writes."""
    needed: dict[int, dict[tuple[str, str], None]] = {}
    versions = [_load_versions(row[6]) for row in rows]
    for row, of_row in zip(rows, versions, strict=True):
        needed.setdefault(row[0], {}).update(dict.fromkeys(of_row.items()))
    found: dict[tuple[int, str, str], Body] = {}
    for n, keys in needed.items():
        yield from _values(n, list(keys), found)
    points: list[PointRow] = []
    for row, of_row in zip(rows, versions, strict=True):
        n, thread, namespace, id, parent, run, _, kind, body, about_kind, about = row
        writes = yield q.WRITES, {"n": n, "point": id}
        points.append(
            PointRow(
                thread=thread,
                namespace=namespace,
                id=id,
                parent=parent,
                run=run,
                versions=of_row,
                head=(kind, body),
                about=(about_kind, about),
                values={key: found[n, key, at] for key, at in of_row.items() if (n, key, at) in found},
                writes=[_write(write) for write in writes],
            )
        )
    return points


def _values(n: int, keys: Sequence[tuple[str, str]], found: dict[tuple[int, str, str], Body]) -> Steps[None]:
    for start in range(0, len(keys), _TOGETHER):
        some = keys[start : start + _TOGETHER]
        count = 1 << (len(some) - 1).bit_length()  # few different queries: the last key is asked for again
        values: dict[str, Any] = {"n": n}
        for i in range(count):
            values[f"channel{i}"], values[f"version{i}"] = some[min(i, len(some) - 1)]
        for channel, version, kind, body in (yield q.values(count), values):
            found[n, channel, version] = (kind, body)


def _write(row: Row) -> WriteRow:
    task, index, path, channel, kind, body = row
    return WriteRow(task=task, index=index, path=path, channel=channel, body=(kind, body))


def _swept(n: int) -> Steps[None]:
    """Forget the values to which no point of the trail refers."""
    used: set[tuple[str, str]] = set()
    for _, versions in (yield q.POINT_IDS, {"n": n}):
        used.update(_load_versions(versions).items())
    for key in (yield q.VALUE_KEYS, {"n": n}):
        if (key[0], key[1]) not in used:
            yield q.DELETE_VALUE, {"n": n, "channel": key[0], "version": key[1]}
