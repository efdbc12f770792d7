"""What runs ask of people: list, answer."""

import json as jsons
from typing import Annotated, Any, cast, get_args

import msgspec
import typer
from rich.text import Text

from weft.app import App
from weft.cli.console import clean, out, print_json, table
from weft.cli.options import Json, Limit, Store
from weft.cli.talking import answer_of, answer_to
from weft.cli.threads import moment, on, recorded
from weft.errors import NotFound, UsageError
from weft.storage.base import QuestionRow, QuestionStatus, RunRecord, Scope

command = typer.Typer(add_completion=False, no_args_is_help=True, help="What runs ask of people.")


@command.command("list")
def list_questions(
    store: Store = None,
    run: Annotated[str | None, typer.Option(help="Only those of this run.")] = None,
    thread: Annotated[str | None, typer.Option(help="Only those of this thread.")] = None,
    status: Annotated[str, typer.Option(help=f"Only those that are {', '.join(get_args(QuestionStatus))}.")] = "open",
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """The newest questions that wait for an answer."""
    app = recorded(store)
    rows = on(app, lambda app: _questions(app, run, thread, status, limit))
    if json:
        print_json([_plain(row) for row in rows])
        return
    shown = table("run", "asks", "since")
    for row in rows:
        until = "" if row.expires_at is None else f", until {moment(row.expires_at)}"
        shown.add_row(
            row.run_id,
            Text.assemble(words_of(row.kind, msgspec.json.decode(row.payload)), "\n", (clean(row.id), "dim")),
            moment(row.created_at) + until,
        )
    out.print(shown if rows else "Nobody asks anything.")


async def _questions(app: App, run: str | None, thread: str | None, status: Any, limit: int) -> list[QuestionRow]:
    if status not in get_args(QuestionStatus):
        raise UsageError(f"{status!r} is no status; there is {', '.join(get_args(QuestionStatus))}")
    return await app.questions(run=run, thread=thread, status=status, limit=limit)


def _plain(row: QuestionRow) -> dict[str, Any]:
    names = ("run_id", "id", "kind", "status", "path", "target", "thread_id", "thread_title", "user_id", "created_at")
    fields: dict[str, Any] = {name: getattr(row, name) for name in (*names, "expires_at")}
    schema = None if row.schema is None else msgspec.Raw(row.schema)
    return {**fields, "payload": msgspec.Raw(row.payload), "schema": schema}


def words_of(kind: str, told: Any) -> str:
    """A question as a person reads it."""
    if isinstance(told, dict) and isinstance(asked := cast("dict[str, Any]", told).get("question"), str):
        return clean(asked)[:200]
    if kind != "approval":
        return clean(told if isinstance(told, str) else jsons.dumps(told, ensure_ascii=False))[:200]
    return clean(f"May {told['tool']} be called with {jsons.dumps(told['arguments'], ensure_ascii=False)}?")[:200]


@command.command("answer")
def answer_question(
    run: Annotated[str, typer.Argument(help="The run's id.")],
    answer: Annotated[str, typer.Argument(help="yes, no, JSON, or words.")],
    question: Annotated[str | None, typer.Option(help="Which question; not needed where only one is open.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Answer a question. The run goes on where its target is served, as far as it can."""
    app = recorded(store)
    record = on(app, lambda app: _answer(app, run, question, answer))
    if json:
        print_json({"run_id": record.id, "status": record.status})
    else:
        out.print(f"{record.id} is {record.status}.", markup=False)


async def _answer(app: App, run: str, question: str | None, words: str) -> RunRecord:
    rows = await app.questions(run=run, limit=1000)
    if question is None and len(rows) != 1:
        if not rows:
            raise NotFound(f"run {run} asks nothing")
        ids = ", ".join(row.id for row in rows)
        raise UsageError(f"run {run} asks {len(rows)} things; say which with --question: {ids}")
    row = next((row for row in rows if question in (None, row.id)), None)
    answer = answer_of(words) if row is None else answer_to(row, words)
    return await app.answer(Scope(app.workspace), run, {question or rows[0].id: answer})
