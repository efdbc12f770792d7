"""What people say of runs, what is proposed from it, and a person's word on that."""

from typing import Annotated, Any

import typer

from weft.app import App
from weft.cli.console import clean, out, print_json, table
from weft.cli.options import Json, Store
from weft.cli.threads import moment, on, recorded
from weft.storage.feedback_rows import Verdict

command = typer.Typer(add_completion=False, no_args_is_help=True, help="Feedback on runs, and what is made of it.")

Run = Annotated[str, typer.Argument(help="The run's id.")]
Id = Annotated[str, typer.Argument(help="The proposal's id.")]


@command.command("give")
def give(
    run: Run,
    kind: Annotated[Verdict, typer.Argument(help="thumb (up or down), correction or label.")],
    value: Annotated[str, typer.Argument(help="What is said.")],
    message: Annotated[int, typer.Option(help="Of which message of the thread; 0 for the run.", min=0)] = 0,
    store: Store = None,
    json: Json = False,
) -> None:
    """Say of a run that it was good, what it should have been, or what it is."""
    remark = on(recorded(store), lambda app: app.feedback(run, kind, value, message=message))
    print_json(remark) if json else out.print(f"Noted as {remark.n}.")


@command.command("list")
def list_feedback(
    agent: Annotated[str | None, typer.Option(help="Of this agent only.")] = None,
    run: Annotated[str | None, typer.Option(help="Of this run only.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """What was said, in order."""
    rows = on(recorded(store), lambda app: app.remarks(run=run, agent=agent))
    if json:
        print_json(list(rows))
        return
    shown = table("when", "run", "message", "kind", "says", "author")
    for row in rows:
        shown.add_row(moment(row.at), row.run, str(row.message or ""), row.kind, clean(row.value), clean(row.author))
    out.print(shown if rows else "Nobody said anything yet.")


@command.command("proposals")
def proposals(store: Store = None, json: Json = False) -> None:
    """Instructions that models propose, and that wait for a person's word."""
    rows = on(recorded(store), lambda app: app.proposals())
    if json:
        names = ("id", "text", "subject", "trust")
        print_json([{name: getattr(placed.row, name) for name in names} | _shelf(placed) for placed in rows])
        return
    shown = table("memory", "agent", "user", "says", "word of")
    for placed in rows:
        shelf = placed.shelf
        row = placed.row
        shown.add_row(row.id, shelf.agent or "all", clean(shelf.user or "everybody"), clean(row.text), row.trust)
    out.print(shown if rows else "Nothing is proposed.")


@command.command("approve")
def approve(id: Id, store: Store = None) -> None:
    """It is in the agent's instructions from its next turn on."""
    row = on(recorded(store), lambda app: app.approve(id))
    out.print(f"It holds: {clean(row.text)}", markup=False)


@command.command("reject")
def reject(
    id: Id,
    reason: Annotated[str, typer.Option(help="Why; who proposes next is told it.")] = "",
    store: Store = None,
) -> None:
    """Drop it; it stays in the history."""
    on(recorded(store), lambda app: app.reject(id, reason=reason))


@command.command("chores")
def chores(store: Store = None, json: Json = False) -> None:
    """The work on memories that is done beside the runs: how far it is, and what failed."""

    async def known(app: App) -> list[dict[str, Any]]:
        names = ("kind", "agent", "of", "user", "status", "done", "total", "tries", "error")
        return [{name: getattr(one, name) for name in names} for one in await app.chores()]

    rows = on(recorded(store), known)
    if json:
        print_json(rows)
        return
    shown = table("kind", "agent", "of", "status", "done", "error")
    for row in rows:
        far = f"{row['done']}/{row['total']}"
        shown.add_row(row["kind"], row["agent"], clean(row["of"]), row["status"], far, clean(row["error"] or ""))
    out.print(shown if rows else "There is nothing to do, and was nothing.")


def _shelf(placed: Any) -> dict[str, Any]:
    return {"agent": placed.shelf.agent, "user": placed.shelf.user}
