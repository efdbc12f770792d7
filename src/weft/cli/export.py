"""``weft export``: all that is on record of somebody, as one file."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.console import out, print_json
from weft.cli.options import Json, Store
from weft.cli.threads import on, recorded
from weft.errors import UsageError

command = typer.Typer(add_completion=False)

Files = Annotated[
    list[Path] | None,
    typer.Option(help="A folder below which tools kept files of threads.", show_default="weft-files", metavar="FOLDER"),
]


@command.command()
def export(
    to: Annotated[Path, typer.Argument(help="The ZIP file to write.", metavar="FILE.zip")],
    user: Annotated[str | None, typer.Option(help="All of this user.")] = None,
    thread: Annotated[str | None, typer.Option(help="All of this thread.")] = None,
    workspace: Annotated[bool, typer.Option("--workspace", help="All of the workspace.")] = False,
    files: Files = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Write all that is on record of a user, a thread or the workspace into one ZIP file, readable by people."""
    only_one(user, thread, workspace)
    roots = files or [Path("weft-files")]
    exported = on(recorded(store), lambda app: app.export(to, user=user, thread=thread, files=roots))
    if json:
        print_json({"file": str(to), "counts": exported.counts})
        return
    for kind, count in exported.counts.items():
        out.print(f"{count:8} {kind}", markup=False)
    out.print(str(to), markup=False, soft_wrap=True)


def only_one(user: str | None, thread: str | None, workspace: bool) -> None:
    """Raises: UsageError: not exactly one of them is named."""
    if (user is not None) + (thread is not None) + workspace != 1:
        raise UsageError("say whose: --user NAME, --thread ID or --workspace")
