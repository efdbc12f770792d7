"""The past on the command line: ``weft threads history|state|fork|diff|check`` and ``weft runs replay|diff``."""

import json as plain
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from weft.app import App
from weft.cli import runs, threads
from weft.cli.console import clean, out, print_json, table
from weft.cli.loading import only_here, open_spec
from weft.cli.options import Json, Limit, Store
from weft.cli.questions import words_of
from weft.cli.threads import moment, on, recorded
from weft.errors import UsageError
from weft.runtime import codec
from weft.runtime.checking import Checked
from weft.runtime.diffing import Difference, RunsDiff, StatesDiff
from weft.runtime.forks import Fork
from weft.runtime.history import Moment, StateView
from weft.runtime.result import Result

Here = Annotated[
    str | None,
    typer.Option("--here", help="FILE.py with what ran in the thread.", metavar="FILE.py", show_default=False),
]
Path = Annotated[str | None, typer.Option(help="A graph that the target called; without it the target's own.")]
At = Annotated[int | None, typer.Option(help="The step; the newest without it.", min=0)]
Confirm = Annotated[
    bool, typer.Option("--confirm", help="What must happen once may be repeated; without it somebody is asked before.")
]
BREAKS = 1
"""The exit code of a check that found something that would break, and of a diff that found a difference."""


def _app(here: str | None, store: str | None) -> App:
    return recorded(store) if here is None else open_spec(here, store=store).app


@threads.command.command("history")
def history(
    id: threads.Id,
    path: Path = None,
    before: Annotated[int | None, typer.Option(help="Only steps before this one.", min=0)] = None,
    store: Store = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """The checkpoints of a thread, newest first."""
    found: list[Moment] = on(recorded(store), lambda app: app.history(id, path, before=before, limit=limit))
    if json:
        print_json(found)
        return
    shown = table("step", "made by", "next", "changed", "when", "run")
    for one in found:
        made = f"fork of {one.parent}" if one.source == "fork" else ", ".join(one.made_by) or one.source
        changed = ", ".join(one.changed)
        shown.add_row(str(one.step), made, ", ".join(one.next) or "-", changed, moment(one.at), one.run_id or "-")
    out.print(shown if found else "Nothing is on record.")


@threads.command.command("state")
def state(
    id: threads.Id, at: At = None, path: Path = None, here: Here = None, store: Store = None, json: Json = False
) -> None:
    """The state of a thread after a step, and the messages in view then."""
    found: StateView = on(_app(here, store), lambda app: app.state(id, path, at=at))
    if json:
        print_json(_state(found))
        return
    out.print(f"step {found.step} of {found.path}, next: {', '.join(found.next) or '-'}", style="dim", markup=False)
    for name, value in found.values.items():
        out.print(f"{name} = {clean(codec.encode(value).decode())}", markup=False)
    if found.summary:
        out.print(f"summary: {clean(found.summary)}", markup=False)
    for seq, message in found.messages:
        out.print(f"{seq} {message.role}: {clean(threads.words(message))}", markup=False)


def _state(found: StateView) -> dict[str, Any]:
    return {
        **{"thread_id": found.thread_id, "path": found.path, "step": found.step, "next": found.next},
        "values": plain.loads(codec.encode(found.values)),
        "messages": [{"seq": seq, "message": message} for seq, message in found.messages],
        "summary": found.summary,
    }


@threads.command.command("fork")
def fork(
    id: threads.Id,
    here: Annotated[str, typer.Option(help="FILE.py with what ran in the thread.", metavar="FILE.py")],
    at: At = None,
    into: Annotated[str | None, typer.Option(help="Begin a new thread of this id, and leave this one.")] = None,
    path: Path = None,
    write: Annotated[
        list[str] | None, typer.Option(help="Write to a channel first: name=value, the value as JSON or words.")
    ] = None,
    node: Annotated[str, typer.Option(help="In whose name: what follows that node is next.")] = "",
    goto: Annotated[
        list[str] | None, typer.Option(help="What is next instead: a node; __end__ for nothing.", metavar="NODE")
    ] = None,
    go_on: Annotated[bool, typer.Option("--go-on", help="Do what is next, here and now.")] = False,
    confirm: Confirm = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Take a thread back to a step, or begin a new one there."""
    writes = dict(_write(one) for one in write or [])
    app = open_spec(here, store=store).app

    async def forked(app: App) -> tuple[Fork, Result[Any] | None]:
        made = await app.fork(id, path, at=at, into=into, write=writes, node=node, goto=goto)
        return made, await app.go_on(made.thread_id, confirm=confirm) if go_on else None

    made, result = on(app, forked)
    if json:
        print_json({"fork": made, "run": None if result is None else _result(result)})
        return
    out.print(f"{made.thread_id} is at step {made.step}, as after {made.parent}; next: {', '.join(made.next) or '-'}")
    if result is not None:
        _tell(result)
    if result is not None and result.paused:
        raise typer.Exit(4)


def _write(told: str) -> tuple[str, Any]:
    name, equals, value = told.partition("=")
    if not equals:
        raise UsageError(f"{told!r} is no name=value")
    try:
        return name, plain.loads(value)
    except ValueError:
        return name, value


@threads.command.command("check")
def check(
    spec: Annotated[str, typer.Argument(help="FILE.py with the new version.", metavar="FILE.py")],
    store: Store = None,
    json: Json = False,
) -> None:
    """Which threads that are in the midst of something a new version would break. Exit code 1 if it breaks any."""
    found: list[Checked] = on(open_spec(spec, store=store).app, lambda app: app.check())
    if json:
        print_json(found)
    else:
        shown = table("thread", "run", "graph", "was", "now", "verdict", "why")
        for one in found:
            shown.add_row(one.thread_id, one.run_id, one.path, one.was, one.now, one.verdict, clean(one.why))
        out.print(shown if found else "No thread is in the midst of anything.")
    if any(one.verdict == "breaks" for one in found):
        raise typer.Exit(BREAKS)


@threads.command.command("diff")
def diff_states(
    id: threads.Id,
    a: Annotated[int, typer.Argument(help="A step.", min=0)],
    b: Annotated[int | None, typer.Argument(help="Another; the newest without it.", min=0)] = None,
    other: Annotated[str | None, typer.Option(help="The thread of the second step.")] = None,
    path: Path = None,
    here: Here = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """What differs between the states after two steps. Exit code 1 if anything does."""
    found: StatesDiff = on(_app(here, store), lambda app: app.diff_states(id, a, b, path=path, other=other))
    if json:
        print_json(found)
    elif found.same:
        out.print("The same.")
    else:
        _differ(found.differences)
    if not found.same:
        raise typer.Exit(BREAKS)


@runs.command.command("replay")
def replay(
    id: runs.Id,
    here: Annotated[
        str | None, typer.Option(help="FILE.py with what ran.", metavar="FILE.py", show_default="the only one here")
    ] = None,
    until: Annotated[int | None, typer.Option(help="Pause at this step of the run.", min=0)] = None,
    live_from: Annotated[int | None, typer.Option(help="Call models and tools again from this step on.", min=0)] = None,
    confirm: Confirm = False,
    run_nodes: Annotated[bool, typer.Option("--run-nodes", help="Run plain functions too.")] = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Run it again on a thread of its own, with the answers that it got: no model and no tool is called."""
    app = open_spec(here or only_here(), store=store).app

    async def replayed(app: App) -> Result[Any]:
        return await app.replay(id, until=until, live_from=live_from, confirm=confirm, run_nodes=run_nodes)

    result = on(app, replayed)
    if json:
        print_json(_result(result))
    else:
        _tell(result)
    if result.status != "finished":
        raise typer.Exit(4)


@runs.command.command("diff")
def diff(
    a: Annotated[str, typer.Argument(help="A run.")],
    b: Annotated[str, typer.Argument(help="Another run.")],
    store: Store = None,
    json: Json = False,
) -> None:
    """The first step at which two runs differ, and in what. Exit code 1 if they do."""
    found: RunsDiff = on(recorded(store), lambda app: app.diff(a, b))
    if json:
        print_json(found)
    elif found.divergence is None:
        out.print(f"The same, in {found.steps_a} steps.")
    else:
        where = found.divergence
        steps = f"step {where.step_a or '-'} and {where.step_b or '-'}"
        out.print(f"They differ at {steps}, after {', '.join(where.nodes) or 'the input'}:", markup=False)
        _differ(where.differences)
    if not found.same:
        raise typer.Exit(BREAKS)


def _differ(differences: Sequence[Difference]) -> None:
    for one in differences:
        for sign, value in (("-", one.a), ("+", one.b)):
            out.print(f"{sign} {one.channel}: {clean(codec.encode(value).decode())}", markup=False)


def _result(result: Result[Any]) -> dict[str, Any]:
    output = result.output if result.status == "finished" else None
    return {
        **{"run_id": result.run_id, "thread_id": result.thread_id, "status": result.status},
        "output": plain.loads(codec.encode(output)),
        "warnings": result.warnings,
        "questions": result.questions,
    }


def _tell(result: Result[Any]) -> None:
    if result.status == "finished":
        told = result.output if isinstance(result.output, str) else codec.encode(result.output).decode()
        out.print(clean(told), markup=False)
    for warning in result.warnings:
        out.print(f"careful: {clean(warning)}", style="yellow", markup=False)
    for question in result.questions:
        out.print(f"it asks: {words_of(question.kind, question.payload)}", style="yellow", markup=False)
        out.print(f"weft runs answer {result.run_id} yes --here FILE.py", style="dim", markup=False)
    out.print(f"{result.status} · {result.run_id} · thread {result.thread_id}", style="dim", markup=False)
