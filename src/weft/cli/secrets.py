"""Secrets of the workspace, for tools: set, list and remove; never shown."""

import sys
from typing import Annotated

import typer

from weft.cli.console import out, print_json
from weft.cli.options import Json, Store
from weft.cli.threads import on, recorded
from weft.errors import UsageError
from weft.tools.secrets import LONGEST, Secrets

command = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Secrets of the workspace: tools get them as secret:NAME."
)

Name = Annotated[str, typer.Argument(help="A letter, then letters, digits, _, . and -.")]


@command.command("list")
def list_secrets(store: Store = None, json: Json = False) -> None:
    """Their names."""
    names = on(recorded(store), lambda app: Secrets(app.store, app.workspace).names())
    if json:
        print_json(names)
    else:
        out.print("\n".join(names) or "There are no secrets.", markup=False)


@command.command("set")
def set_secret(name: Name, store: Store = None) -> None:
    """Keep one, sealed; it is asked for, or read from the standard input."""
    value = typer.prompt(name, hide_input=True) if sys.stdin.isatty() else sys.stdin.read(LONGEST + 2)
    if not str(value).strip():
        raise UsageError("nothing was given: type it, or pipe it in")
    on(recorded(store), lambda app: Secrets(app.store, app.workspace).set(name, str(value)))
    out.print(f"Kept. Tools get it as secret:{name}.", markup=False)


@command.command()
def remove(name: Name, store: Store = None) -> None:
    """Forget one."""
    on(recorded(store), lambda app: Secrets(app.store, app.workspace).remove(name))
    out.print(f"{name} is gone.", markup=False)
