"""A real server on a free port, and a client that reads server-sent events by hand."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct

from weft import Agent, App, tool
from weft.models.scripted import Scripted, call
from weft.server.app import create_app
from weft.server.listen import bind, prepared, url_of
from weft.server.ui import UI
from weft.settings import Settings


@tool(effect="read")
def double(n: int) -> int:
    """Twice a number."""
    return 2 * n


@tool(effect="once", approval=True)
def send(text: str) -> str:
    """Send it to somebody."""
    return f"sent {text}"


def agents() -> list[Agent[Any]]:
    """Agents that say the same whenever they are asked."""
    long = " ".join(f"word{n}" for n in range(60))
    return [
        Agent("echo", model=Scripted(["Hello there, friend."], by="word", order="turn"), description="Greets."),
        Agent("slow", model=Scripted([long], by="word", order="turn", delay=0.03)),
        Agent("counter", model=Scripted([call("double", n=21), "It is 42."], order="turn"), tools=[double]),
        Agent("sender", model=Scripted([call("send", text="hi"), "Done."], order="turn"), tools=[send]),
        Agent("sleepy", model=Scripted(["word"], order="turn", delay=30)),
        Agent("broken", model=Scripted([ValueError("secret detail of a defect")], order="turn")),
    ]


@contextmanager
def serving(
    app: App, *, settings: Settings | None = None, ui: UI | None = None, beat: float = 15.0, grace: float = 5.0
) -> Iterator[str]:
    """The server in a thread of its own; its address."""
    settings = settings or Settings(_env_file=None)
    sock = bind("127.0.0.1", 0)
    started = threading.Event()
    server = prepared(create_app(app, settings=settings, ui=ui, beat=beat, grace=grace), ready=started.set)
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    try:
        assert started.wait(20)
        yield url_of(sock)
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def app_in(folder: Path, name: str = "weft.db") -> App:
    return App(agents=agents(), store=f"sqlite:///{folder / name}")


class Heard(Struct, frozen=True):
    """One server-sent event."""

    event: str
    data: Any
    id: str | None = None


def heard(lines: Iterator[str]) -> Iterator[Heard]:
    """The events in the lines of a stream."""
    event, data, id = "message", "", None
    for line in lines:
        if not line:
            if data:
                yield Heard(event, json.loads(data), id)
            event, data, id = "message", "", None
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                event = value
            case "data":
                data += value
            case "id":
                id = value
            case _:
                pass


@contextmanager
def watching(client: httpx.Client, run_id: str, **headers: str) -> Iterator[Iterator[Heard]]:
    """The stream of a run."""
    with client.stream("GET", f"runs/{run_id}/events", headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        yield heard(answer.iter_lines())


def watched(client: httpx.Client, run_id: str, **headers: str) -> list[Heard]:
    """Everything of a run, until its stream ends."""
    with watching(client, run_id, **headers) as events:
        return list(events)


def durable(events: list[Heard]) -> list[Heard]:
    return [event for event in events if event.id is not None]
