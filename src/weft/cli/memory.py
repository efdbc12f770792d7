"""What is remembered of users: list, search, show, add, forget, erase."""

from typing import Annotated, Any

import typer

from weft.app import App
from weft.cli.console import clean, out, print_json, table
from weft.cli.options import Json, Limit, Store
from weft.cli.threads import moment, on, recorded
from weft.errors import UsageError
from weft.storage.memory_rows import MemoryRow

command = typer.Typer(add_completion=False, no_args_is_help=True, help="What is remembered of users.")

User = Annotated[str, typer.Option(help="Whose memories.")]
Id = Annotated[str, typer.Argument(help="The memory's id.")]


@command.command("list")
def list_memories(user: User = "local", store: Store = None, limit: Limit = 20, json: Json = False) -> None:
    """What is known now, the newest first."""
    rows = [placed.row for placed in on(recorded(store), lambda app: app.memories(user).list(limit=limit))]
    _show(rows, json, "Nothing is remembered yet.")


@command.command("search")
def search(
    query: Annotated[str, typer.Argument(help="What it is about.")],
    user: User = "local",
    store: Store = None,
    limit: Limit = 10,
    json: Json = False,
) -> None:
    """What fits best, best first."""
    found = on(recorded(store), lambda app: app.memories(user).search(query, limit=limit))
    _show([each.memory for each in found], json, "Nothing fits.")


@command.command("add")
def add(
    text: Annotated[str, typer.Argument(help="A whole sentence.")],
    user: User = "local",
    subject: Annotated[str, typer.Option(help="Whom or what it is about.")] = "",
    attribute: Annotated[str, typer.Option(help="What it says of the subject, where there is one at a time.")] = "",
    relation: Annotated[str, typer.Option(help="How the subject is connected to the object: knows, alias ...")] = "",
    object: Annotated[str, typer.Option(help="What the subject is connected to.")] = "",
    pinned: Annotated[bool, typer.Option("--pinned", help="Keep it before others.")] = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Remember something of a user."""

    async def added(app: App) -> MemoryRow:
        return await app.memories(user).add(
            text, subject=subject, attribute=attribute, relation=relation, object=object, pinned=pinned
        )

    _show([on(recorded(store), added)], json, "")


@command.command("show")
def show(id: Id, user: User = "local", store: Store = None, json: Json = False) -> None:
    """A memory with its history, and where it came from."""

    async def story(app: App) -> tuple[Any, Any]:
        memories = app.memories(user)
        return await memories.history(id), await memories.sources(id)

    versions, sources = on(recorded(store), story)
    if json:
        print_json({"versions": [_plain(row) for row in versions], "sources": list(sources)})
        return
    for row in versions:
        ends = "" if row.valid_to is None else f" until {moment(row.valid_to)}"
        out.print(f"{row.version}  {clean(row.text)}  (since {moment(row.valid_from)}{ends})", markup=False)
    for source in sources:
        out.print(f"from thread {source.thread or '-'}, run {source.run or '-'}", style="dim", markup=False)


@command.command("forget")
def forget(id: Id, user: User = "local", store: Store = None) -> None:
    """Do not recall it any more; its history stays."""
    on(recorded(store), lambda app: app.memories(user).forget(id))


@command.command("erase")
def erase(
    id: Annotated[str | None, typer.Argument(help="The memory's id.", show_default="all, with --all")] = None,
    user: User = "local",
    everything: Annotated[bool, typer.Option("--all", help="Everything that is remembered of the user.")] = False,
    store: Store = None,
) -> None:
    """Take it away for good, with its history."""
    if (id is None) != everything:
        raise UsageError("name one memory, or say --all")
    count = on(recorded(store), lambda app: app.memories(user).erase(id))
    out.print(f"Erased {count}.")


def _show(rows: list[MemoryRow], json: bool, none: str) -> None:
    if json:
        print_json([_plain(row) for row in rows])
        return
    shown = table("memory", "says", "since", "word of")
    for row in rows:
        shown.add_row(row.id, clean(row.text), moment(row.valid_from), row.trust)
    out.print(shown if rows else none)


def _plain(row: MemoryRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__ if name not in ("digest", "vector")}
