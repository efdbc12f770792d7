"""Skills: list those of a folder, and say what is wrong with them."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.console import clean, out, print_json, table
from weft.cli.options import Json
from weft.errors import NotFound
from weft.tools import skills

command = typer.Typer(add_completion=False, no_args_is_help=True, help="Folders with a SKILL.md, for agents.")

Folder = Annotated[Path, typer.Argument(help="The folder that holds them.")]


@command.command("list")
def list_skills(folder: Folder = Path("skills"), json: Json = False) -> None:
    """The skills in a folder, with their versions."""
    if not folder.is_dir():
        raise NotFound(f"there is no folder {str(folder)!r}")
    found, wrong = skills.find(folder)
    if json:
        print_json({"skills": found, "problems": wrong})
        return
    shown = table("name", "version", "description")
    for each in found:
        shown.add_row(clean(each.name), each.version, clean(each.description)[:100])
    out.print(shown if found else "There are no skills.")
    for name, why in wrong.items():
        out.print(f"{name}: {why}", markup=False)


@command.command()
def validate(folder: Annotated[Path, typer.Argument(help="The folder of one skill.")], json: Json = False) -> None:
    """Check a skill by the specification; exit code 1 where something is wrong."""
    problems = skills.validate(folder)
    if json:
        print_json({"problems": problems})
    for each in () if json else problems or ["It is valid."]:
        out.print(each, markup=False)
    if problems:
        raise typer.Exit(1)
