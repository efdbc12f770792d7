"""The store's tables: are they those of this program, and bring them up to date."""

import asyncio
import os
from typing import Annotated, Any

import typer

from weft.app import App
from weft.cli.console import err, out, print_json
from weft.cli.options import Json, Store
from weft.errors import SchemaMismatch
from weft.security.keys import master_in
from weft.settings import Settings
from weft.storage import open_store

command = typer.Typer(add_completion=False, no_args_is_help=True, help="The store's tables.")


@command.command()
def upgrade(store: Store = None, json: Json = False) -> None:
    """Make the tables, or bring them up to date. Opening a store does this too."""
    with err.status("upgrading ..."):
        url = asyncio.run(_open(store or Settings().store, migrate=True))
    _say(url, "up to date", as_json=json)


@command.command()
def current(store: Store = None, json: Json = False) -> None:
    """Whether the tables are those of this program; exit code 1 if not. Changes nothing."""
    asked = store or Settings().store
    try:
        url = asyncio.run(_open(asked, migrate=False))
    except SchemaMismatch as error:
        _say(asked.rpartition("@")[2], str(error), as_json=json)
        raise typer.Exit(1) from None
    _say(url, "up to date", as_json=json)


@command.command()
def prune(
    keep: Annotated[int | None, typer.Option(help="Keep the newest so many of each graph.", min=1)] = None,
    days: Annotated[float | None, typer.Option(help="Keep those of the last so many days.", min=0)] = None,
    thread: Annotated[str | None, typer.Option(help="Only in this thread.")] = None,
    vacuum: Annotated[bool, typer.Option("--vacuum", help="Then give the space back.")] = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Forget old checkpoints: what is newest, open or forked from stays, and so do all messages."""
    settings = Settings()

    async def pruned() -> Any:
        async with App(store=store or settings.store, workspace=settings.workspace) as app:
            found = await app.prune(keep=keep, days=days, thread=thread)
            if vacuum:
                await app.store.history.compact()
            return found

    with err.status("pruning ..."):
        found = asyncio.run(pruned())
    if json:
        print_json(found)
    else:
        out.print(f"Forgot {found.checkpoints} checkpoints in {found.threads} threads.")


@command.command()
def scrub(store: Store = None, json: Json = False) -> None:
    """See to it that no byte of what was erased or deleted is in the files. PostgreSQL locks each table meanwhile."""
    settings = Settings()

    async def scrubbed() -> str:
        async with App(store=store or settings.store, workspace=settings.workspace) as app:
            await app.scrub()
            return app.store.url

    with err.status("writing anew ..."):
        url = asyncio.run(scrubbed())
    _say(url, "no byte of what was deleted is in its files", as_json=json)


async def _open(url: str, *, migrate: bool) -> str:
    store = await open_store(url, migrate=migrate, master=master_in(os.environ))
    await store.close()
    return store.url


def _say(url: str, state: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"store": url, "state": state})
    else:
        out.print(f"{url}: {state}", markup=False)
