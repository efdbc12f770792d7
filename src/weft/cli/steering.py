"""Runs that are steered from the command line, wherever they are driven: pause, resume, step, abort, words, state."""

import json as codec
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from weft.app import App
from weft.cli.console import out, print_json
from weft.cli.options import Json, Stops, Store, limits_of
from weft.cli.threads import on, recorded
from weft.errors import UsageError
from weft.runtime.commands import (
    Abort,
    Breakpoint,
    Command,
    Inject,
    Pause,
    Rerun,
    Resume,
    SetBreakpoints,
    SetState,
    Step,
)
from weft.storage.base import ENDED, RunRecord, Scope

Id = Annotated[str, typer.Argument(help="The run's id.")]
Path = Annotated[str | None, typer.Option(help="Of a graph below that is under way, as its history has it.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait until it is done.", min=0, max=3600)]


command = typer.Typer()
"""Taken over by ``weft runs``."""


def plain(row: RunRecord) -> dict[str, Any]:
    """A run as JSON."""
    names = ("id", "thread_id", "target", "user_id", "status", "error", "seq", "created_at", "updated_at")
    return {name: getattr(row, name) for name in names}


def _steer(id: str, order: Command, store: str | None, json: bool, wait: float) -> None:
    record, number = on(recorded(store), lambda app: _sent(app, id, order, wait))
    if json:
        print_json({**plain(record), "command": number})
        return
    out.print(f"{record.id} is {record.status}.", markup=False)
    if wait == 0 and record.status not in ENDED and number:
        out.print(f"Command {number} is in its inbox.", style="dim")


@command.command("pause")
def pause_run(id: Id, store: Store = None, wait: Wait = 2, json: Json = False) -> None:
    """Let a run rest at the next edge between two steps."""
    _steer(id, Pause(), store, json, wait)


@command.command("resume")
def resume_run(id: Id, limit: Stops = None, store: Store = None, wait: Wait = 2, json: Json = False) -> None:
    """Let a paused run go on, where its agent is served; with --limit under these, in place of all that it had."""
    if (limits := limits_of(limit)) is not None:
        scoped = recorded(store)
        on(scoped, lambda app: app.answer(Scope(app.workspace), id, {}, limits=limits))
        record = on(recorded(store), lambda app: app.wait(Scope(app.workspace), id, wait))
        print_json(plain(record)) if json else out.print(f"{record.id} is {record.status}.", markup=False)
        return
    _steer(id, Resume(), store, json, wait)


@command.command("step")
def step_run(
    id: Id,
    count: Annotated[int, typer.Option(help="How many steps.", min=1)] = 1,
    store: Store = None,
    wait: Wait = 2,
    json: Json = False,
) -> None:
    """Let a paused run take a step or several."""
    _steer(id, Step(count=count), store, json, wait)


@command.command("abort")
def abort_run(
    id: Id,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """End a run with all below it, wherever it is being run."""
    _steer(id, Abort(reason=reason), store, json, 0)


@command.command("inject")
def inject_words(
    id: Id,
    words: Annotated[str, typer.Argument(help="What to say to the agent.")],
    idle: Annotated[bool, typer.Option("--idle", help="As a run of its own, once the thread rests.")] = False,
    store: Store = None,
    wait: Wait = 0,
    json: Json = False,
) -> None:
    """Say something to a run: the next model call sees it."""
    _steer(id, Inject(input=words, when="idle" if idle else "now"), store, json, wait)


@command.command("state")
def change_state(
    id: Id,
    writes: Annotated[list[str], typer.Argument(help="channel=JSON", metavar="CHANNEL=JSON...")],
    node: Annotated[str | None, typer.Option(help="In whose name.")] = None,
    path: Path = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is there, past the rules of the channels.")
    ] = False,
    store: Store = None,
    wait: Wait = 10,
    json: Json = False,
) -> None:
    """Write to channels of a paused run, where its graph is served."""
    written = dict(map(_write, writes))
    over = tuple(written) if overwrite else ()
    _steer(id, SetState(writes=written, node=node, path=path, overwrite=over), store, json, wait)


@command.command("rerun")
def rerun_node(
    id: Id,
    node: Annotated[str, typer.Argument(help="The node that is to run again.")],
    path: Path = None,
    store: Store = None,
    wait: Wait = 10,
    json: Json = False,
) -> None:
    """Take a paused run back to before a node last began; it goes on from there."""
    _steer(id, Rerun(node=node, path=path), store, json, wait)


@command.command("break")
def break_run(
    id: Id,
    node: Annotated[list[str] | None, typer.Option(help="Before this node.")] = None,
    after: Annotated[list[str] | None, typer.Option(help="After this node.")] = None,
    tool: Annotated[list[str] | None, typer.Option(help="Before this tool is called.")] = None,
    when: Annotated[list[str] | None, typer.Option(help="When this becomes true: 'n >= 3'.")] = None,
    store: Store = None,
    wait: Wait = 0,
    json: Json = False,
) -> None:
    """Hold a run at these breakpoints and at no others; without any, at none."""
    points = [
        *(Breakpoint(node=name) for name in node or ()),
        *(Breakpoint(node=name, after=True) for name in after or ()),
        *(Breakpoint(tool=name) for name in tool or ()),
        *(Breakpoint(when=condition) for condition in when or ()),
    ]
    _steer(id, SetBreakpoints(breakpoints=tuple(points)), store, json, wait)


def _write(word: str) -> tuple[str, Any]:
    """``n=3`` or ``name="ada"``; what is no JSON is taken as words.

    >>> _write("n=3"), _write("name=Ada")
    (('n', 3), ('name', 'Ada'))
    """
    name, equals, value = word.partition("=")
    if not equals:
        raise UsageError(f"{word!r} is no write: CHANNEL=JSON")
    try:
        return name, codec.loads(value)
    except ValueError:
        return name, value


def _sent(app: App, id: str, order: Command, wait: float) -> Coroutine[Any, Any, tuple[RunRecord, int]]:
    async def send() -> tuple[RunRecord, int]:
        control = await app.control(id, by="cli")
        sent = await control.send(order)
        if wait:
            sent = await control.settled(sent, wait)
        return sent.run, sent.number

    return send()
