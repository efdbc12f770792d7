"""Graphs of a file: draw them."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.console import out, print_json
from weft.cli.loading import open_spec
from weft.cli.options import Json
from weft.workflows.mermaid import mermaid
from weft.workflows.svg import svg

command = typer.Typer(add_completion=False, no_args_is_help=True, help="Graphs: what runs after what.")


@command.callback()
def _graphs() -> None:
    """Graphs: what runs after what."""


@command.command("draw")
def draw(
    spec: Annotated[str, typer.Argument(metavar="FILE.py[:NAME]", help="A graph, an agent, or an app's target.")],
    as_svg: Annotated[bool, typer.Option("--svg", help="A picture, instead of Mermaid's words.")] = False,
    to: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    json: Json = False,
) -> None:
    """Draw a graph as Mermaid, or with --svg as a picture."""
    opened = open_spec(spec)
    target = opened.app.find(opened.one())
    drawn = svg(target.graph()) if as_svg else mermaid(target.graph())
    if to is not None:
        to.write_text(drawn, encoding="utf-8")
    if json:
        print_json({"target": target.name, "format": "svg" if as_svg else "mermaid", "drawing": drawn})
    elif to is None:
        typer.echo(drawn, nl=False)
    else:
        out.print(f"Drew {target.name} to {to}.", markup=False)
