"""Options that several commands share, so that one name means one thing everywhere."""

from typing import Annotated, TypeAlias

import typer

Store: TypeAlias = Annotated[
    str | None, typer.Option(help="Where everything is kept, such as sqlite:///weft.db.", show_default="WEFT_STORE")
]
Model: TypeAlias = Annotated[str | None, typer.Option(help="Use this model instead of the agent's own.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Host: TypeAlias = Annotated[str | None, typer.Option(help="Where to listen.", show_default="127.0.0.1")]
Port: TypeAlias = Annotated[
    int | None, typer.Option(help="On which port; the next free one where none is named.", min=0, max=65535)
]
Browser: TypeAlias = Annotated[bool, typer.Option(help="Open the UI in a browser, where there is one.")]
Limit: TypeAlias = Annotated[int, typer.Option(help="Most rows to show.", min=1, max=200)]
