"""Options that several commands share, so that one name means one thing everywhere."""

from typing import Annotated, TypeAlias

import msgspec
import typer

from weft.errors import UsageError
from weft.runtime.limits import Limits
from weft.storage.commands import IfBusy as Busy

Store: TypeAlias = Annotated[
    str | None, typer.Option(help="Where everything is kept, such as sqlite:///weft.db.", show_default="WEFT_STORE")
]
Model: TypeAlias = Annotated[str | None, typer.Option(help="Use this model instead of the agent's own.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
IfBusy: TypeAlias = Annotated[
    Busy | None,
    typer.Option(
        help="What if a run of the thread goes on: wait, give up, or end the other where it is, or as if it never was.",
        show_default="enqueue",
    ),
]
Host: TypeAlias = Annotated[str | None, typer.Option(help="Where to listen.", show_default="127.0.0.1")]
Port: TypeAlias = Annotated[
    int | None, typer.Option(help="On which port; the next free one where none is named.", min=0, max=65535)
]
Browser: TypeAlias = Annotated[bool, typer.Option(help="Open the UI in a browser, where there is one.")]
Stops: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--limit", help="turns=10, tool_calls=, tokens=, usd=0.50, seconds= or recursion=.", metavar="NAME=N"),
]
Limit: TypeAlias = Annotated[int, typer.Option(help="Most rows to show.", min=1, max=200)]


def limits_of(told: Stops) -> Limits | None:
    """What ``--limit`` said.

    Raises:
        UsageError: it is none.

    >>> limits_of(["turns=3", "usd=0.5"])
    Limits(turns=3, tool_calls=None, tokens=None, usd=0.5, seconds=None, recursion=None)
    """
    if not told:
        return None
    pairs = {name: value for name, _, value in [one.partition("=") for one in told]}
    if strange := sorted(set(pairs) - set(Limits.__struct_fields__)):
        raise UsageError(f"{strange[0]!r} is no limit; there is {', '.join(Limits.__struct_fields__)}")
    try:
        return msgspec.convert(pairs, Limits, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"a limit is NAME=NUMBER: {error}") from None
