"""The workspace that ``weft`` shows when there is no project: an assistant with a calculator, a clock and notes."""

import json
import os
import threading
import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from weft import Agent, App, tool
from weft.cli.arithmetic import calculate
from weft.engine.context import Context
from weft.errors import ToolRetry
from weft.settings import Settings

NOTES = "weft-notes.json"

INSTRUCTIONS = """You are a helpful assistant. Keep answers short.
Use the calculator for arithmetic, the clock for dates and times, and notes for what the user wants remembered.
Never guess what a tool can tell you."""


@tool(effect="read")
def calculator(expression: str) -> str:
    """Work out an arithmetic expression exactly.

    Args:
        expression: Such as "17 * 23" or "sqrt(2) ^ 3". Knows + - * / // % ^, brackets, pi, e and common functions.
    """
    try:
        return str(calculate(expression))
    except ValueError as error:
        raise ToolRetry(str(error)) from None


@tool(effect="read")
def clock(timezone: str = "UTC") -> str:
    """The date and time now, in a time zone.

    Args:
        timezone: An IANA name such as "Europe/Berlin", or its city; UTC if none is given.
    """
    return datetime.now(zone_of(timezone)).strftime("%A, %d %B %Y, %H:%M:%S %Z")


def zone_of(name: str) -> tzinfo:
    """The time zone of that name, or of the city that it names.

    Raises:
        ToolRetry: there is none.

    >>> zone_of("tokyo")
    zoneinfo.ZoneInfo(key='Asia/Tokyo')
    """
    wanted = name.strip().replace(" ", "_").lower()
    if wanted in ("utc", "gmt", "z"):
        return UTC
    known = sorted(available_timezones())
    found = [zone for zone in known if wanted in (zone.lower(), zone.rpartition("/")[2].lower())]
    if not found:
        raise ToolRetry(f"{name!r} is no time zone that I know; try one such as Europe/Berlin or Asia/Tokyo")
    return ZoneInfo(found[0])


class Notes:
    """Short notes of each user, in one JSON file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def all(self, user: str) -> dict[str, dict[str, Any]]:
        """The user's notes by id, oldest first."""
        try:
            return json.loads(self._path.read_text("utf-8")).get(user, {})
        except FileNotFoundError:
            return {}

    def put(self, user: str, key: str, text: str) -> None:
        """Keep a note; the same key again replaces it."""
        with self._lock:
            self._write(user, {**self.all(user), key: {"text": text, "at": time.time()}})

    def clear(self, user: str) -> int:
        """Forget them all; how many there were."""
        with self._lock:
            count = len(self.all(user))
            self._write(user, {})
        return count

    def _write(self, user: str, notes: dict[str, dict[str, Any]]) -> None:
        try:
            everyone = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            everyone = {}
        draft = self._path.with_suffix(".tmp")
        draft.write_text(json.dumps({**everyone, user: notes}, ensure_ascii=False, indent=1), "utf-8")
        os.replace(draft, self._path)


def note_tools(notes: Notes) -> list[Any]:
    """What an agent may do with them. Forgetting asks a person first."""

    @tool
    def take_note(ctx: Context[Any], text: str) -> str:
        """Keep a short note for the user, across conversations.

        Args:
            text: What to remember, in a sentence.
        """
        notes.put(ctx.run.user_id, ctx.idempotency_key, text)
        return "noted"

    @tool(effect="read")
    def read_notes(ctx: Context[Any]) -> str:
        """All notes that were kept for the user."""
        kept = notes.all(ctx.run.user_id)
        return "\n".join(f"- {note['text']}" for note in kept.values()) or "there are no notes"

    @tool(effect="idempotent", approval=True)
    def forget_notes(ctx: Context[Any]) -> str:
        """Delete all notes of the user. A person is asked first."""
        return f"{notes.clear(ctx.run.user_id)} notes deleted"

    return [take_note, read_notes, forget_notes]


def assistant(folder: Path, *, model: str | None = None) -> Agent[str]:
    """The assistant, whose notes lie in ``folder``. Without ``model``, the best one in reach answers."""
    return Agent(
        "assistant",
        description="A helpful assistant with a calculator, a clock and notes.",
        instructions=INSTRUCTIONS,
        tools=[calculator, clock, *note_tools(Notes(folder / NOTES))],
        model=model,
    )


def example(*, store: str | None = None, model: str | None = None) -> App:
    """An app with the assistant, in the current folder."""
    settings = Settings()
    return App(
        agents=[assistant(Path.cwd(), model=model or settings.model)],
        store=store or settings.store,
        workspace=settings.workspace,
    )
