"""Run a target once, here, and show what it does."""

import sys
from typing import Annotated, Any

import msgspec
import typer

from weft.agents.agent import Agent
from weft.app import App
from weft.cli.console import Transcript, out, print_json, say
from weft.cli.loading import open_spec
from weft.cli.options import IfBusy, Json, Model, Stops, Store, limits_of
from weft.cli.talking import Talk, questions
from weft.errors import UsageError
from weft.messages import Usage
from weft.storage.base import QuestionRow, RunRecord

command = typer.Typer(add_completion=False)


@command.command()
def run(
    target: Annotated[str, typer.Argument(help="FILE.py:name, or FILE.py where only one thing in it can be run.")],
    input: Annotated[
        str, typer.Argument(help="What to say; for a graph or a workflow JSON; - reads it from standard input.")
    ],
    thread: Annotated[str | None, typer.Option(help="Go on in this thread; a new one without it.")] = None,
    if_busy: IfBusy = None,
    limit: Stops = None,
    store: Store = None,
    model: Model = None,
    json: Json = False,
) -> None:
    """Run a target once. Exit code 4 means that it waits for an answer: weft runs answer."""
    words = sys.stdin.read() if input == "-" else input
    if not words.strip():
        raise UsageError("there is nothing to say: the input is empty")
    opened = open_spec(target, store=store, model=model)
    with Talk(opened.app, None if json else Transcript()) as talk:
        record = talk.turn(opened.one(), _given(opened.app, opened.one(), words), thread, if_busy, limits_of(limit))
        told = talk.do(report(talk.app, record))
    if json:
        print_json(told)
    else:
        _tell(record, target)
    if record.status != "finished":
        raise typer.Exit(4 if record.status == "paused" else 1)


def _given(app: App, name: str, words: str) -> Any:
    """Words for an agent; for what takes other things than words JSON, where it is JSON."""
    if isinstance(app.find(name), Agent):
        return words
    try:
        return msgspec.json.decode(words)
    except msgspec.DecodeError:
        return words


async def report(app: App, record: RunRecord) -> dict[str, Any]:
    """A run as JSON values: what it gave, what it waits for, what it used."""
    return {
        "run_id": record.id,
        "thread_id": record.thread_id,
        "target": record.target,
        "status": record.status,
        "output": None if record.output is None else msgspec.Raw(record.output),
        "error": record.error,
        "usage": None if record.usage is None else msgspec.json.decode(record.usage, type=Usage),
        "questions": [_asked(row) for row in await questions(app, record.id)],
    }


def _asked(row: QuestionRow) -> dict[str, Any]:
    schema = None if row.schema is None else msgspec.Raw(row.schema)
    told = {"id": row.id, "kind": row.kind, "payload": msgspec.Raw(row.payload), "schema": schema}
    return {**told, "expires_at": row.expires_at}


def _tell(record: RunRecord, spec: str) -> None:
    usage = None if record.usage is None else msgspec.json.decode(record.usage, type=Usage)
    used = "" if usage is None else f" · {usage.total_tokens} tokens"
    cost = "" if usage is None or not usage.cost else f" · ${usage.cost:.4f}"
    say(f"[dim]{record.status} · {record.id} · thread {record.thread_id}{used}{cost}[/]")
    if record.status == "paused" and record.error is not None:
        out.print(f"{record.error}: weft runs resume {record.id} --limit NAME=N", markup=False)
    elif record.status == "paused":
        out.print(f"It waits for an answer: weft runs answer {record.id} yes --here {spec}", markup=False)
