"""Make a small project: an agent with a tool, a test that needs no key, and how to run both."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from weft.cli.console import out, print_json
from weft.errors import Conflict, UsageError

command = typer.Typer(add_completion=False)

_FILES = {
    "agent.py.txt": "agent.py",
    "test_agent.py.txt": "test_agent.py",
    "README.md.txt": "README.md",
    "env.example.txt": ".env.example",
    "gitignore.txt": ".gitignore",
}
"""Templates, and what they become. ``.txt``, so that no tool takes them for files of this package."""


@command.command()
def new(
    name: Annotated[str, typer.Argument(help="The name of the project and of its folder.")],
    json: Annotated[bool, typer.Option("--json", help="Say it as JSON.")] = False,
) -> None:
    """Make a small project to start from."""
    folder = Path(name)
    title = folder.name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", title):
        raise UsageError(f"{title!r} is no name for a project: letters, digits, - and _, a letter first")
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"the folder {name!r} exists and is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    templates = files("weft.cli") / "templates"
    for source, target in _FILES.items():
        text = (templates / source).read_text("utf-8").replace("{{name}}", title)
        (folder / target).write_text(text, "utf-8")
    if json:
        print_json({"folder": str(folder.resolve()), "files": sorted(_FILES.values())})
        return
    out.print(f"Made [bold]{name}[/] with {', '.join(sorted(_FILES.values()))}.")
    out.print(
        f"Next:\n  cd {name}\n  weft dev agent.py     the UI, with reload\n  weft chat agent.py    in the terminal"
    )
