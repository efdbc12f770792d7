"""``weft erase``: take away all that is of somebody."""

from pathlib import Path
from typing import Annotated

import typer

from weft.agents.leaving import Cleared
from weft.app import App
from weft.cli.console import err, out, print_json
from weft.cli.export import Files, only_one
from weft.cli.options import Json, Store
from weft.cli.threads import on, recorded
from weft.errors import UsageError
from weft.settings import Settings
from weft.storage.belonging_rows import Erasure

command = typer.Typer(add_completion=False)
_SPACE = (
    "Its space is free, and has its bytes until it is used again: weft db scrub sees to that, and locks each table."
)


@command.command()
def erase(
    user: Annotated[str | None, typer.Option(help="All of this user.")] = None,
    thread: Annotated[str | None, typer.Option(help="All of this thread.")] = None,
    workspace: Annotated[bool, typer.Option("--workspace", help="All of the workspace.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was cut off.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    files: Files = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Take away all that is of a user, a thread or the workspace; refused while a run of it is running.

    What a user spent and which tools were used stays in sums and in the audit, under an alias.
    """
    if resume and (user is not None or thread is not None or workspace):
        raise UsageError("--resume goes on with whatever was cut off: name nobody")
    if not resume:
        only_one(user, thread, workspace)
    whose = f"user {user}" if user is not None else f"thread {thread}" if thread is not None else "the whole workspace"
    if not (resume or yes or json):
        typer.confirm(f"Erase all of {whose}? Nobody can bring it back", abort=True)
    roots = files or [Path("weft-files")]

    async def work(app: App) -> Cleared:
        if resume:
            return await app.resume_erasures(told=_tell, files=roots)
        if thread is not None:
            return await app.erase_thread(thread, files=roots)
        if user is not None:
            return await app.erase_user(user, told=_tell, files=roots)
        return await app.erase_workspace(told=_tell, files=roots)

    erased = on(recorded(store), work)
    if json:
        print_json({"found": erased.found, "threads": erased.threads, "left": erased.left})
    else:
        _said(erased, str(store or Settings().store))


def _said(erased: Cleared, store: str) -> None:
    if erased.found:
        left = _SPACE if store.startswith("postgres") else "No byte of it is left in the store."
        out.print(f"Erased, with {erased.threads} threads. {left}", markup=False)
    else:
        out.print("There was nothing to erase.")
    if erased.left:
        err.print(f"{erased.left} vectors or spaces are left in an index that only another app has: start that one.")


def _tell(erasure: Erasure) -> None:
    err.print(f"{erasure.threads} threads are left", style="dim", markup=False)
