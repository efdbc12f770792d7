"""``weft``: puts the commands together, and turns errors into words and exit codes.

Exit codes: 0 done, 1 the run failed, 2 wrong usage, 3 not found, 4 paused for an answer, 130 interrupted.
"""

import importlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from weft.cli.console import err, print_json
from weft.errors import Cancelled, NotFound, UsageError, WeftError
from weft.models.choose import read_dotenv

COMMANDS = (
    *("run", "chat", "serve", "mcp", "dev", "new", "doctor"),
    *("threads", "runs", "questions", "graphs", "costs", "budgets", "policy", "audit"),
    *("memory", "entities", "knowledge", "feedback", "router", "tools", "secrets", "skills"),
    *("export", "erase", "keys", "db"),
)
"""One module each, in the order of the help; imported when it is asked for."""


class _Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"weft.cli.{cmd_name}")
        if cmd_name in ("threads", "runs"):
            importlib.import_module("weft.cli.history")  # adds its commands to them
        found = get_command(module.command)
        found.name = cmd_name
        return found


root = typer.Typer(cls=_Commands, invoke_without_command=True, add_completion=True, rich_markup_mode="rich")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"weft {version('weft')}")
        raise typer.Exit()


@root.callback()
def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
    host: Annotated[str | None, typer.Option(help="Where to listen.")] = None,
    port: Annotated[int | None, typer.Option(help="On which port; the next free one if it is taken.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the UI in a browser.")] = True,
) -> None:
    """Agents that last. With no command: the UI and an example to talk to."""
    if context.invoked_subcommand is None:
        importlib.import_module("weft.cli.serve").welcome(host=host, port=port, browser=browser)


def _exit_code(error: WeftError) -> int:
    match error:
        case UsageError():
            return 2
        case NotFound():
            return 3
        case Cancelled():
            return 130
        case _:
            return 1


def _complain(error: Exception, *, as_json: bool) -> int:
    known = isinstance(error, WeftError)
    code = error.code if known else "internal"
    if as_json:
        print_json({"error": {"code": code, "message": str(error)}})
    elif known:
        err.print(f"[bold red]Error[/] ({code}): ", end="")
        err.print(str(error), markup=False)
    else:
        err.print("[bold red]Unexpected error[/]: ", end="")
        err.print(f"{type(error).__name__}: {error}", markup=False)
        err.print("This is a defect in Weft or in your code; [bold]--debug[/] shows where.")
    return _exit_code(error) if known else 1


def _caution(message: Warning | str, *_: Any) -> None:
    """What Python warns of, as a person wants to read it: not where in the code."""
    err.print("[yellow]careful[/]: ", end="")
    err.print(str(message), markup=False)


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit code. ``--debug`` anywhere among them shows tracebacks."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end]
    if debug:
        logging.basicConfig()
        logging.getLogger("weft").setLevel(logging.DEBUG)
    given = [word for word in arguments[:end] if word != "--debug"] + list(arguments[end:])
    try:
        with warnings.catch_warnings():
            if not debug:
                warnings.showwarning = _caution
            get_command(root)(given, prog_name="weft")
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _complain(error, as_json="--json" in given)
    return 0


def main() -> None:
    """The entry point of the ``weft`` command. What ``.env`` says counts, unless the environment says otherwise."""
    for name, value in read_dotenv(".env").items():
        os.environ.setdefault(name, value)
    sys.exit(run(sys.argv[1:]))
