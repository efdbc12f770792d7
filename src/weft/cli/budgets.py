"""How much may be spent: list, set and remove budgets."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from weft.app import App
from weft.cli.console import clean, out, print_json, table
from weft.cli.options import Json, Store
from weft.cli.threads import on, recorded
from weft.runtime.budgets import Budget, BudgetState
from weft.storage.accounts import Of, Per

command = typer.Typer(add_completion=False, no_args_is_help=True, help="How much may be spent.")

Whose = Annotated[Of, typer.Argument(help="Of each run, thread or user, or of the workspace.")]
Period = Annotated[Per, typer.Option(help="How often it is whole again.")]
Subject = Annotated[str, typer.Option(help="Only of the one with this id, in place of the general one.")]


@command.command("list")
def list_budgets(store: Store = None, json: Json = False) -> None:
    """All budgets of the workspace, and what is used of them."""
    states = on(recorded(store), lambda app: app.budgets())
    if json:
        print_json(states)
        return
    shown = table("of", "subject", "per", "USD", "tokens", "used", "whole again (UTC)")
    for state in states:
        budget = state.budget
        again = (
            "" if state.resets_at is None else datetime.fromtimestamp(state.resets_at, UTC).strftime("%Y-%m-%d %H:%M")
        )
        usd, tokens = (
            "" if budget.usd is None else f"{budget.usd:.2f}",
            "" if budget.tokens is None else f"{budget.tokens:,}",
        )
        shown.add_row(budget.of, clean(budget.subject), budget.per, usd, tokens, _used(state), again)
    out.print(shown if states else "There are no budgets.")


def _used(state: BudgetState) -> str:
    if state.usd is None:
        return "by each"
    parts = [f"${state.usd:.4f}"] if state.budget.usd is not None else []
    parts += [f"{state.tokens:,} tokens"] if state.budget.tokens is not None else []
    return " · ".join(parts)


@command.command("set")
def set_budget(
    of: Whose,
    usd: Annotated[float | None, typer.Option(help="US dollars.", min=0)] = None,
    tokens: Annotated[int | None, typer.Option(help="Tokens in and out.", min=0)] = None,
    per: Period = "total",
    subject: Subject = "",
    unpriced: Annotated[
        bool, typer.Option("--unpriced", help="Let calls of unknown price pass, and count nothing.")
    ] = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Make a budget, or change the one of the same kind, subject and period."""
    budget = Budget(of, usd, tokens, per, subject, "allow" if unpriced else "refuse")

    async def work(app: App) -> None:
        await app.set_budget(budget)

    on(recorded(store), work)
    if json:
        print_json(budget)
    else:
        out.print("It holds within two seconds in every process.", markup=False)


@command.command("remove")
def remove_budget(
    of: Whose, per: Period = "total", subject: Subject = "", store: Store = None, json: Json = False
) -> None:
    """Forget a budget. What was spent stays on record."""

    async def work(app: App) -> None:
        await app.remove_budget(of, per, subject)

    on(recorded(store), work)
    if json:
        print_json({"removed": {"of": of, "per": per, "subject": subject}})
    else:
        out.print("Removed.")
