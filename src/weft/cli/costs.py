"""What model calls cost: by model, user, thread, day and more."""

from collections.abc import Sequence
from typing import Annotated

import typer

from weft.cli.console import clean, out, print_json, table
from weft.cli.options import Json, Store
from weft.cli.threads import on, recorded
from weft.errors import UsageError
from weft.runtime.costs import SUMS, as_csv, when
from weft.storage.accounts import DIMENSIONS, CostRow, Dimension

command = typer.Typer(add_completion=False)


@command.command()
def costs(
    by: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(DIMENSIONS)}; may be repeated.")] = None,
    since: Annotated[str | None, typer.Option(help="2026-11-21, or so long ago: 24h, 7d, 4w.")] = None,
    until: Annotated[str | None, typer.Option(help="The same, for the end.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    store: Store = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV and nothing else.")] = False,
    json: Json = False,
) -> None:
    """Tokens, money and time of all model calls on record."""
    dimensions = _known(by or ["model"])
    start, end = when(since) if since else 0.0, when(until) if until else None
    rows = on(recorded(store), lambda app: app.costs(*dimensions, since=start, until=end, user=user))
    if json:
        print_json([_plain(dimensions, row) for row in rows])
    elif csv:
        print(as_csv(dimensions, rows), end="")
    elif rows:
        _show(dimensions, rows)
    else:
        out.print("No model was called in that time.")


def _known(names: list[str]) -> tuple[Dimension, ...]:
    found: list[Dimension] = [known for name in dict.fromkeys(names) for known in DIMENSIONS if known == name]
    if len(found) < len(dict.fromkeys(names)):
        raise UsageError(f"--by is one of {', '.join(DIMENSIONS)}")
    return tuple(found)


def _plain(by: tuple[Dimension, ...], row: CostRow) -> dict[str, object]:
    return {**dict(zip(by, row.key, strict=True)), **{name: getattr(row, name) for name in SUMS}}


def _show(by: tuple[Dimension, ...], rows: Sequence[CostRow]) -> None:
    shown = table(*by, "calls", "failed", "input", "output", "USD", "seconds")
    for row in rows:
        usd = (
            "unknown" if row.usd is None else f"{row.usd:.4f}" + (f" + {row.unpriced} unknown" if row.unpriced else "")
        )
        numbers = (row.calls, row.failed, row.input_tokens, row.output_tokens)
        shown.add_row(*map(clean, row.key), *[f"{number:,}" for number in numbers], usd, f"{row.duration / 1000:.1f}")
    out.print(shown)
