"""Conversations on record: list, read, delete."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer

from weft.app import App
from weft.cli.console import clean, out, print_json, table
from weft.cli.options import Json, Limit, Store
from weft.messages import Message, Text, ToolCall, ToolResult
from weft.settings import Settings
from weft.storage.base import MessageRow, Page, Scope, ThreadRecord

T = TypeVar("T")

command = typer.Typer(add_completion=False, no_args_is_help=True, help="Conversations on record.")

Id = Annotated[str, typer.Argument(help="The thread's id.")]


def recorded(store: str | None) -> App:
    """The app on what is on record: it runs nothing."""
    settings = Settings()
    return App(store=store or settings.store, workspace=settings.workspace)


def on(app: App, work: Callable[[App], Coroutine[Any, Any, T]]) -> T:
    """What ``work`` gives, with the app open."""

    async def opened() -> T:
        async with app:
            return await work(app)

    return asyncio.run(opened())


def moment(at: float) -> str:
    """A time as people write it, in their own zone: the seconds only where it is today."""
    then = datetime.fromtimestamp(at)
    return then.strftime("%H:%M:%S" if then.date() == datetime.now().date() else "%Y-%m-%d %H:%M")


@command.command("list")
def list_threads(store: Store = None, limit: Limit = 20, json: Json = False) -> None:
    """The threads that moved last."""
    app = recorded(store)
    rows = on(app, lambda app: _threads(app, limit))
    if json:
        print_json(rows)
        return
    shown = table("thread", "title", "target", "messages", "updated")
    for row in rows:
        shown.add_row(row.id, clean(row.title), row.target, str(row.head_seq), moment(row.updated_at))
    out.print(shown if rows else "There are no threads yet.")


async def _threads(app: App, limit: int) -> list[ThreadRecord]:
    return list(await app.store.threads.list(Scope(app.workspace), Page(limit)))


@command.command("show")
def show_thread(id: Id, store: Store = None, limit: Limit = 50, json: Json = False) -> None:
    """The last messages of a thread."""
    app = recorded(store)
    thread, rows = on(app, lambda app: _messages(app, id, limit))
    if json:
        print_json({"thread": thread, "messages": [{"seq": row.seq, "message": message} for row, message in rows]})
        return
    for row, message in rows:
        out.print(f"[bold cyan]{row.seq} {message.role}[/]" + (f" [dim]{message.author}[/]" if message.author else ""))
        out.print(clean(words(message)), markup=False)


async def _messages(app: App, id: str, limit: int) -> tuple[ThreadRecord, list[tuple[MessageRow, Message]]]:
    scope = Scope(app.workspace)
    thread = await app.store.threads.get(scope, id)
    return thread, list(await app.messages(scope, id, limit=limit, newest=True))


def words(message: Message) -> str:
    lines: list[str] = []
    for part in message.parts:
        match part:
            case Text(text=text):
                lines.append(text)
            case ToolCall(name=name, arguments=arguments):
                lines.append(f"→ {name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})")
            case ToolResult(name=name, content=content):
                lines.append(f"← {name}: {content}")
            case _:
                lines.append(f"[{type(part).__name__.lower()}]")
    return "\n".join(lines)


@command.command("delete")
def delete_thread(
    id: Id,
    store: Store = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Forget a thread, and every run, message and event of it."""
    app = recorded(store)
    on(app, lambda app: _delete(app, id, ask=not yes))
    if json:
        print_json({"deleted": id})
    else:
        out.print(f"Deleted {id}.", markup=False)


async def _delete(app: App, id: str, *, ask: bool) -> None:
    scope = Scope(app.workspace)
    thread = await app.store.threads.get(scope, id)
    if ask:
        title = f" ({clean(thread.title)})" if thread.title else ""
        typer.confirm(f"Delete {id}{title} with {thread.head_seq} messages?", abort=True)
    await app.erase(scope, id)
