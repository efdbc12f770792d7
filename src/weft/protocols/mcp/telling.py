"""What a client hears of a run while it goes on: progress and log messages, from the run's events."""

from typing import Any, cast

from msgspec import Struct

from weft import events
from weft.events import Envelope
from weft.messages import Json
from weft.protocols.mcp.client import LOG


class Progress(Struct, frozen=True):
    """How far it is."""

    done: float
    total: float | None = None
    message: str | None = None


class Log(Struct, frozen=True):
    """A line of its log."""

    level: str
    data: Any
    logger: str | None = None


class Telling:
    """Of one run. Progress always grows, as MCP wants it; ``alone`` is a tool that tells by itself how far it is."""

    def __init__(self, *, alone: bool) -> None:
        self._alone = alone
        self._done = -1.0 if alone else 0.0

    def hear(self, envelope: Envelope) -> Progress | Log | None:
        """What there is to tell of this."""
        event = envelope.event
        if isinstance(event, events.Custom) and event.name == LOG:
            told = cast("Json", event.data)
            return Log(str(told["level"]), told["data"], told.get("logger"))
        if self._alone:
            return self._own(event)
        words = _words(event)
        if words is None:
            return None
        self._done += 1
        return Progress(self._done, None, words)

    def _own(self, event: events.Event) -> Progress | None:
        if not isinstance(event, events.Custom) or event.name != "tool.progress":
            return None
        told = cast("Json", event.data)
        done: Any = told.get("done")
        if not isinstance(done, int | float):
            self._done += 1
            return Progress(self._done, None, str(told.get("value", "")) or None)
        if done <= self._done:
            return None
        self._done = done
        return Progress(done, told.get("total"), told.get("message"))


def _words(event: events.Event) -> str | None:
    """What happened, for a person who waits."""
    match event:
        case events.RunStarted() | events.RunResumed():
            return f"{event.target} works"
        case events.ModelStarted():
            return f"asks {event.model}"
        case events.ToolStarted():
            return f"calls {event.name}"
        case events.ToolFinished():
            return f"{event.name} {'failed' if event.failed else 'is done'}"
        case events.NodeFinished():
            return f"{event.node} is done"
        case events.Custom(name="tool.progress"):
            told: Any = event.data
            return str(told.get("message") or told.get("value") or "goes on")
        case _:
            return None
