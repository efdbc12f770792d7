"""Runs on record: list, look at, answer, cancel."""

from typing import Annotated, Any, get_args

import typer
from rich.text import Text

from weft.app import App
from weft.cli import steering
from weft.cli.console import Transcript, clean, out, print_json, table
from weft.cli.loading import open_spec
from weft.cli.options import Json, Limit, Store
from weft.cli.run import report
from weft.cli.steering import plain
from weft.cli.talking import answer_to, go_on, questions
from weft.cli.threads import moment, on, recorded
from weft.cli.totest import to_test
from weft.errors import NotFound, UsageError
from weft.events import Envelope
from weft.storage.base import Page, RunRecord, Scope, Status

command = typer.Typer(add_completion=False, no_args_is_help=True, help="Runs on record.")

command.command("to-test")(to_test)

_WIDE = 110
"""Columns of a terminal in which there is room for another id."""
Id = Annotated[str, typer.Argument(help="The run's id.")]


@command.command("list")
def list_runs(
    store: Store = None,
    thread: Annotated[str | None, typer.Option(help="Only those of this thread.")] = None,
    status: Annotated[str | None, typer.Option(help=f"Only those that are {', '.join(get_args(Status))}.")] = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """The newest runs."""
    app = recorded(store)
    rows = on(app, lambda app: _runs(app, limit, thread, status))
    if json:
        print_json([plain(row) for row in rows])
        return
    wide = out.width >= _WIDE
    shown = table("run", "target", "status", "updated", *(["thread"] if wide else []))
    for row in rows:
        how = Text.assemble(row.status, (f" {clean(row.error)[:60]}", "dim") if row.error else "")
        shown.add_row(row.id, row.target, how, moment(row.updated_at), *([row.thread_id] if wide else []))
    out.print(shown if rows else "There are no runs yet.")


async def _runs(app: App, limit: int, thread: str | None, status: Any) -> list[RunRecord]:
    if status is not None and status not in get_args(Status):
        raise UsageError(f"{status!r} is no status; there is {', '.join(get_args(Status))}")
    return list(await app.store.runs.list(Scope(app.workspace), Page(limit), thread_id=thread, status=status))


@command.command("show")
def show_run(id: Id, store: Store = None, json: Json = False) -> None:
    """What happened in a run."""
    app = recorded(store)
    told, events = on(app, lambda app: _show(app, id))
    if json:
        print_json({**told, "events": events})
        return
    transcript = Transcript()
    for envelope in events:
        transcript.show(envelope)
    out.print(f"{told['status']} · {told['target']} · thread {told['thread_id']}", style="dim", markup=False)
    for question in told["questions"]:
        out.print(f"asks {question['id']}: {clean(bytes(question['payload']).decode())}", markup=False)


async def _show(app: App, id: str) -> tuple[dict[str, Any], list[Envelope]]:
    scope = Scope(app.workspace)
    record = await app.store.runs.get(scope, id)
    return await report(app, record), list(await app.events(scope, id, limit=10_000))


@command.command("answer")
def answer_run(
    id: Id,
    answer: Annotated[str, typer.Argument(help="yes, no, JSON, or words.")],
    question: Annotated[str | None, typer.Option(help="Which question; not needed where only one is open.")] = None,
    here: Annotated[
        str | None, typer.Option(help="FILE.py with its agent: go on with the run here and now.", metavar="FILE.py")
    ] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Answer a run that waits. It goes on where its agent is served, or --here."""
    app = recorded(store) if here is None else open_spec(here, store=store).app
    show = None if json or here is None else Transcript()
    record = on(app, lambda app: _answer(app, id, answer, question, here=here is not None, show=show))
    if json:
        print_json(plain(record))
    else:
        out.print(f"{record.id} is {record.status}.", markup=False)


async def _answer(
    app: App, id: str, words: str, question: str | None, *, here: bool, show: Transcript | None
) -> RunRecord:
    scope = Scope(app.workspace)
    record = await app.store.runs.get(scope, id)
    rows = await questions(app, id)
    if not rows:
        raise NotFound(f"run {id} asks nothing")
    if question is None and len(rows) > 1:
        raise UsageError(
            f"run {id} asks {len(rows)} things; say which with --question: {', '.join(r.id for r in rows)}"
        )
    row = rows[0] if question is None else next((row for row in rows if row.id == question), rows[0])
    answers = {question or row.id: answer_to(row, words)}
    return await go_on(app, record, answers, show) if here else await app.answer(scope, id, answers)


@command.command("cancel")
def cancel_run(
    id: Id,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """End a run, wherever it is being run."""
    app = recorded(store)
    record = on(app, lambda app: app.cancel(Scope(app.workspace), id, reason))
    if json:
        print_json(plain(record))
    else:
        out.print(f"{record.id} is {record.status}.", markup=False)


command.registered_commands += steering.command.registered_commands
