"""Collections of documents: add files, folders and pages, list, search, remove."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from weft.app import App
from weft.cli.console import clean, err, out, print_json, table
from weft.cli.loading import open_spec
from weft.cli.options import Json, Limit, Store
from weft.cli.threads import on, recorded
from weft.errors import UsageError
from weft.knowledge.collection import Collection, shown
from weft.storage.knowledge_rows import DocumentRow

command = typer.Typer(add_completion=False, no_args_is_help=True, help="Collections of documents.")

Named = Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")]
User = Annotated[str | None, typer.Option(help="As this user; else as who sees the whole workspace.")]
Spec = Annotated[
    str | None, typer.Option("--app", metavar="FILE.py", help="Where the Knowledge is that says how it is embedded.")
]


def _app(spec: str | None, store: str | None) -> App:
    return recorded(store) if spec is None else open_spec(spec, store=store).app


@command.command("list")
def list_documents(
    collection: Annotated[str | None, typer.Argument(help="The collection's name.", show_default="all")] = None,
    user: User = None,
    store: Store = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """The collections, or the documents of one."""
    app = recorded(store)
    if collection is None:
        found = on(app, lambda app: app.collections(user))
        if json:
            print_json(list(found))
            return
        shelves = table("collection", "documents", "pieces", "indexing")
        for each in found:
            shelves.add_row(clean(each.name), str(each.documents), str(each.pieces), str(each.indexing or ""))
        out.print(shelves if found else "There are no documents yet.")
        return
    name = collection
    rows = on(app, lambda app: app.knowledge(name, user).documents(limit=limit))
    if json:
        print_json([_plain(row) for row in rows])
        return
    _show(rows)


@command.command("add")
def add(
    collection: Named,
    sources: Annotated[list[str], typer.Argument(help="Files, folders and addresses.")],
    name: Annotated[str, typer.Option(help="Of the document, where it is one file or page.")] = "",
    meta: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Metadata, for searches.")] = None,
    readers: Annotated[
        list[str] | None, typer.Option("--reader", help="Who may read it: workspace, a user, role:NAME.")
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Take away what is not in the folder any more.")] = False,
    spec: Spec = None,
    user: User = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Read documents into a collection; only what changed is read again."""

    async def added(app: App) -> list[DocumentRow]:
        shelf = app.knowledge(collection, user)
        facts, rows = _facts(meta or []), list[DocumentRow]()
        for source in sources:
            if Path(source).is_dir():  # noqa: ASYNC240  # nothing else runs here
                await _folder(shelf, source, facts, readers, prune=prune)
            else:
                rows.append(await shelf.add(source, name=name, metadata=facts, readers=readers))
        return rows

    rows = on(_app(spec, store), added)
    if json:
        print_json([_plain(row) for row in rows])
    elif rows:
        _show(rows)


async def _folder(
    shelf: Collection, folder: str, facts: dict[str, Any], readers: Sequence[str] | None, *, prune: bool
) -> None:
    last = None
    async for progress in shelf.index_folder(folder, metadata=facts, readers=readers, prune=prune):
        last = progress
        if sys.stderr.isatty():
            err.print(f"{progress.done}/{progress.total} {clean(progress.name)}", style="dim", markup=False)
    if last is None:
        err.print(f"There is nothing in {folder} that can be read.", markup=False)
        return
    told = f"{last.done} documents, {last.unchanged} unchanged, {last.failed} failed, {last.removed} removed"
    err.print(told, markup=False)


@command.command("search")
def search(
    collection: Named,
    query: Annotated[str, typer.Argument(help="What it is about.")],
    where: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="What metadata must be.")] = None,
    spec: Spec = None,
    user: User = None,
    store: Store = None,
    limit: Limit = 5,
    json: Json = False,
) -> None:
    """The passages that fit best, best first, each with its place."""
    asked = _facts(where or [])
    found = on(_app(spec, store), lambda app: app.knowledge(collection, user).search(query, limit=limit, where=asked))
    if json:
        told = ("n", "text", "page", "offset", "path", "score", "citation")
        print_json([{"document": each.document.id, **{name: getattr(each, name) for name in told}} for each in found])
        return
    for each in found:
        out.print(f"[{each.n}] {clean(each.citation)}", style="bold", markup=False)
        out.print(f"{clean(each.text)}\n", markup=False)
    if not found:
        out.print("Nothing fits.")


@command.command("remove")
def remove(
    collection: Named,
    names: Annotated[list[str], typer.Argument(help="Names or ids of documents.")],
    user: User = None,
    store: Store = None,
) -> None:
    """Take documents away with all that was made of them; no bytes are left."""

    async def removed(app: App) -> int:
        shelf, count, after = app.knowledge(collection, user), 0, 0
        while rows := await shelf.documents(after=after, limit=200):
            after = rows[-1].n
            for row in rows:
                if row.id in names or row.name in names:
                    await shelf.remove(row.id)
                    count += 1
        return count

    count = on(recorded(store), removed)
    out.print(f"Removed {count}.")
    if not count:
        raise typer.Exit(3)


def _facts(told: Sequence[str]) -> dict[str, Any]:
    """
    >>> _facts(["year=2024", "kind=report"])
    {'year': 2024, 'kind': 'report'}

    Raises:
        UsageError: one has no name or value.
    """
    facts: dict[str, Any] = {}
    for each in told:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise UsageError(f"metadata are NAME=VALUE, not {each!r}")
        facts[name] = _value(value)
    return facts


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text, text)


def _show(rows: Sequence[DocumentRow]) -> None:
    documents = table("document", "name", "kind", "pages", "pieces", "status", "readers")
    for row in rows:
        status = row.status if row.error is None else f"{row.status}: {clean(row.error)}"
        readers = ", ".join([shown(each) for each in row.readers]) or row.user
        counts = (str(row.pages or ""), str(row.pieces))
        documents.add_row(row.id, clean(row.name), row.kind, *counts, status, clean(readers))
    out.print(documents if rows else "There are no documents yet.")


def _plain(row: DocumentRow) -> dict[str, Any]:
    left_out = ("n", "sha256", "made", "fence", "tries", "recipe", "readers")
    told = {name: getattr(row, name) for name in row.__struct_fields__ if name not in left_out}
    return {**told, "sha256": row.sha256.hex(), "readers": [shown(each) for each in row.readers]}
