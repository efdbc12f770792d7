"""All rows that belong to somebody, table by table, as they can be read by people: names in the place of numbers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, Text, literal_column, select

from weft.errors import NotFound
from weft.events import encode
from weft.storage.belonging_rows import Of, Subject
from weft.storage.belongings import TABLES, is_of
from weft.storage.database import Database
from weft.storage.event_rows import unpack_events
from weft.storage.packing import unpack_state
from weft.storage.phrases import restored
from weft.storage.pieces import beyond, mine, p
from weft.storage.query import Query, Row, Steps
from weft.storage.tables import SPAN, events, messages, owners, places, runs, threads, workspaces

PAGE = 200
"""Rows that are read at once."""
SECRET = frozenset({"secrets", "data_keys", "resealings"})
"""What is in no export: tokens, which are sealed."""

_WORKSPACE = Query(select(workspaces.c.n).where(workspaces.c.name == p("workspace")))
_USER = Query(select(owners.c.n).where(owners.c.workspace == p("w", "n"), owners.c.user_id == p("name")))
_THREAD = Query(select(threads.c.n, threads.c.owner).where(threads.c.id == p("name"), mine(threads)))

_NAMES = {"owner": owners.c.user_id, "thread": threads.c.id, "run": runs.c.id, "workspace": workspaces.c.name}
"""What stands for a number in a column of this name."""
_SPAN: ColumnElement[int] = literal_column(str(SPAN))


def numbers(subject: Subject) -> Steps[dict[str, Any]]:
    """What the rules of ``belongings`` ask for. Raises: NotFound."""
    values: dict[str, Any] = {"w": 0, "o": 0, "t": 0, "name": subject.name, "invited": f"user:{subject.name}"}
    missing = NotFound(f"there is nothing of {subject}")
    rows = yield _WORKSPACE, {"workspace": subject.workspace}
    if not rows:
        raise missing
    values["w"] = rows[0][0]
    if subject.of == "user":
        if not (rows := (yield _USER, {"w": values["w"], "name": subject.name})):
            raise missing
        values["o"] = rows[0][0]
    elif subject.of == "thread":
        asked = {"name": subject.name, "workspace": subject.workspace, "user": subject.user}
        if not (rows := (yield _THREAD, asked)):
            raise NotFound(f"no thread {subject.name!r}")
        values["t"], values["o"] = rows[0]
    return values


async def rows_of(database: Database, subject: Subject) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
    """All rows, parents first. Raises: NotFound."""
    values = await database.read(lambda: numbers(subject))

    def foreign(told: Mapping[str, Any]) -> bool:
        return subject.of == "user" and "owner" in told and told["owner"] != subject.name

    for table in reversed(TABLES):
        if table.name in SECRET or is_of(subject.of, table) is None:
            continue
        after: Row | None = None
        while True:
            page = await database.read(_page(subject.of, table, values, after))
            for row in page:
                for told in _told(table, row):
                    yield table.name, _own(told) if foreign(told) else told
            if len(page) < PAGE:
                break
            after = [page[-1][column.name] for column in table.primary_key.columns]


def _page(of: Of, table: Table, values: Mapping[str, Any], after: Row | None) -> Any:
    query, names = _query(of, table, after is not None)
    asked = {**values, "limit": PAGE, **{f"after{i}": value for i, value in enumerate(after or ())}}

    def steps() -> Steps[Sequence[dict[str, Any]]]:
        return [dict(zip(names, row, strict=True)) for row in (yield query, asked)]

    return steps


@cache
def _query(of: Of, table: Table, after: bool) -> tuple[Query, tuple[str, ...]]:
    """A page of a table, and the names of its columns; those that end in ``_`` are names of what has a number."""
    columns: dict[str, ColumnElement[Any]] = {column.name: column for column in table.columns}
    for name, stands in _NAMES.items():
        if name in table.c and not isinstance(table.c[name].type, Text):
            columns[f"{name}_"] = _named(table, stands, table.c[name], name)
    if table is messages:
        columns["thread_"] = _named(table, threads.c.id, table.c.key.op("/")(_SPAN), "thread_name")
    elif table is events:
        columns["run_"] = _named(table, runs.c.id, table.c.key.op("/")(_SPAN), "run_name")
    elif "key" in table.c and table.primary_key.columns.keys() == ["key"]:
        columns["path_"] = _named(table, places.c.path, table.c.key.op("/")(_SPAN), "place_path")
        columns["channel_"] = _named(table, places.c.channel, table.c.key.op("/")(_SPAN), "place_channel")
    query = select(*columns.values()).where(is_of(of, table))  # pyright: ignore[reportArgumentType]  # asked for before
    key = list(table.primary_key.columns)
    if after:
        query = query.where(beyond(False, *[(column, p(f"after{i}")) for i, column in enumerate(key)]))
    return Query(query.order_by(*key).limit(p("limit", "n"))), tuple(columns)


def _named(table: Table, column: Column[Any], n: ColumnElement[Any], label: str) -> ColumnElement[Any]:
    """What stands under the number ``n`` of a row of ``table``."""
    return select(column).where(column.table.c.n == n).correlate(table).scalar_subquery().label(f"{label}_name")


def _own(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What somebody said of another's run, without whose and which."""
    return {name: value for name, value in told.items() if name not in ("owner", "thread", "run")}


def _told(table: Table, row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """What a row says: some of them are many in one."""
    told = {name: value for name, value in row.items() if f"{name}_" not in row and not name.endswith("_")}
    told |= {name[:-1]: value for name, value in row.items() if name.endswith("_")}
    if (key := told.pop("key", None)) is not None and isinstance(key, int):
        told["seq"] = key % SPAN
    told.pop("n", None)
    if table is events:
        found = unpack_events(told["seq"], told.pop("body"))
        more = [{"seq": one.seq, "at": one.at, "path": one.path, "event": encode(one.event)} for one in found]
        return [{**told, **one} for one in more]
    if table is messages:
        told["body"] = restored(told["body"])
    if table.name == "runs":
        told |= {name: restored(told[name]) for name in ("usage", "output") if told[name] is not None}
    if table.name == "checkpoints":
        state = unpack_state(told.pop("body"))
        told |= {"version": state.version, "at": state.at, "head": state.head, "values": state.values}
    return [told]
