"""The terminal: what a run does, drawn as it happens, and how results and errors look."""

import json
import os
import re
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from weft.events import (
    Delta,
    Envelope,
    Event,
    KnowledgeFound,
    LimitReached,
    MessageAdded,
    NodeFailed,
    RunCancelled,
    RunFailed,
    ToolFinished,
    ToolStarted,
)
from weft.knowledge.citing import cited

_PIPED = 160
"""Columns where nobody looks: the next program wants whole lines."""

out = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED)
err = Console(stderr=True, highlight=False)

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONG = 600


def clean(text: str) -> str:
    """The text without control characters: what a model writes must not steer the terminal.

    >>> clean("a\\x1b[31mb")
    'a[31mb'
    """
    return _CONTROL.sub("", text)


def print_json(value: Any) -> None:
    """One JSON document on standard output; structs and bytes of the store included."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line about what goes on, beside the result: on standard error."""
    err.print(text)


def table(*columns: str) -> Table:
    """An empty table in the one style of the command line."""
    rows = Table(box=None, pad_edge=False, header_style="bold dim")
    for column in columns:
        rows.add_column(column, overflow="fold", no_wrap=column in ("run", "thread"))
    return rows


def _short(text: str) -> str:
    text = clean(text).strip()
    return text if len(text) <= _LONG else f"{text[:_LONG]} … ({len(text)} characters)"


class Transcript:
    """Draws the events of a run: words as they come, and a card for each tool call."""

    def __init__(self, console: Console = out) -> None:
        self._console = console
        self._streamed: set[str] = set()
        self._calls: dict[str, ToolStarted] = {}
        self._found: list[Event] = []
        self._kind = ""
        self._open = False

    def show(self, envelope: Envelope) -> None:
        """Draw one event; those that say nothing to a person draw nothing."""
        event = envelope.event
        match event:
            case Delta():
                self._delta(event)
            case MessageAdded():
                self._message(event)
            case ToolStarted():
                self._calls[event.call_id] = event
            case ToolFinished():
                self._card(event)
            case KnowledgeFound():
                self._found.append(event)
            case _:
                self._remark(event)

    def _remark(self, event: Event) -> None:
        match event:
            case NodeFailed(retrying=True):
                self._line(f"trying again: {event.message}", "yellow")
            case LimitReached():
                self._line(event.message, "yellow")
            case RunFailed():
                self._line(f"failed ({event.code}): {event.message}", "red")
            case RunCancelled():
                self._line("cancelled", "yellow")
            case _:
                pass

    def _message(self, added: MessageAdded) -> None:
        message = added.message
        if message is None or message.role != "assistant":
            return
        if message.id not in self._streamed and message.text:
            self._words(message.text, "")
        self._end_line()
        self._kind = ""
        for source in cited(message.text, self._found):
            place = "" if source.page is None else f", page {source.page}"
            self._line(f"[{source.n}] {source.name}{place}", "dim")

    def _delta(self, delta: Delta) -> None:
        self._streamed.add(delta.message_id)
        if (kind := f"{delta.kind} {delta.message_id}") != self._kind:
            self._end_line()
            self._kind = kind
        self._words(delta.text, "dim italic" if delta.kind == "reasoning" else "")

    def _words(self, text: str, style: str) -> None:
        self._console.print(Text(clean(text), style), end="", soft_wrap=True)
        self._open = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._open:
            self._console.print()
            self._open = False

    def _line(self, text: str, style: str) -> None:
        self._end_line()
        self._console.print(Text(clean(text), style))

    def _card(self, finished: ToolFinished) -> None:
        self._end_line()
        started = self._calls.pop(finished.call_id, None)
        card = Text()
        if started is not None and started.arguments:
            card.append(_short(json.dumps(started.arguments, ensure_ascii=False)) + "\n", "dim")
        if finished.result is not None:
            card.append(_short(finished.result.content))
        self._console.print(
            Panel(
                card,
                title=Text(finished.name),
                title_align="left",
                border_style="red" if finished.failed else "cyan",
                expand=False,
            )
        )
