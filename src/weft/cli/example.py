"""The workspace that ``weft`` shows when there is no project: an assistant with a calculator, a clock and notes."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from weft import Agent, App, tool
from weft.cli.loading import plain_app
from weft.engine.context import Context
from weft.settings import Settings
from weft.tools.builtin.basics import calculator, clock

NOTES = "weft-notes.json"

INSTRUCTIONS = """You are a helpful assistant. Keep answers short.
Use the calculator for arithmetic, the clock for dates and times, and notes for what the user wants remembered.
Never guess what a tool can tell you."""


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
    return plain_app([assistant(Path.cwd(), model=model or Settings().model)], store=store)
