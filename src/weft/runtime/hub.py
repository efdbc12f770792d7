"""Live events to whoever listens in this process. A slow listener falls back to the store; no run ever waits."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from weft import events
from weft.events import PASSING, Envelope, Event
from weft.storage.base import Happened

_MOST = 4096
"""Events that may wait for one listener; beyond, it has to read again what is stored."""


class Sync(Struct, frozen=True):
    """Forget all that passing events told: what is going on right now follows."""


class Listener:
    """One reader's place in a run. Read ``queue``; when it is empty, ``await wait()``."""

    __slots__ = ("_wake", "lagged", "queue")

    def __init__(self) -> None:
        self.queue: deque[Envelope] = deque()
        self.lagged = False
        self._wake: asyncio.Future[None] | None = None

    def push(self, envelope: Envelope) -> None:
        if len(self.queue) >= _MOST:
            self.queue.clear()
            self.lagged = True
        self.queue.append(envelope)
        self.ring()

    def ring(self) -> None:
        """Wake the reader, with or without something to read."""
        wake = self._wake
        if wake is not None:
            self._wake = None
            if not wake.done():
                wake.set_result(None)

    async def wait(self, seconds: float | None = None) -> None:
        """Until something happens, or ``seconds`` have passed."""
        if self.queue or self.lagged:
            return
        loop = asyncio.get_running_loop()
        wake = self._wake = loop.create_future()
        timer = loop.call_later(seconds, self.ring) if seconds is not None else None
        try:
            await wake
        finally:
            if timer is not None:
                timer.cancel()


class _Going:
    """What is open in a run right now: who joins late is told this first."""

    __slots__ = ("begun", "last", "nodes", "words")

    def __init__(self) -> None:
        self.nodes: Callable[[], Iterable[Envelope]] = tuple
        """The nodes that run: made only when somebody asks."""
        self.begun: dict[tuple[str, Any], Envelope] = {}
        self.words: dict[tuple[str, str], list[str]] = {}
        self.last: dict[tuple[str, str], Envelope] = {}

    def note(self, envelope: Envelope) -> None:
        note = _NOTES.get(type(envelope.event))
        if note is not None:
            note(self, envelope, envelope.event)

    def delta(self, envelope: Envelope, event: events.Delta) -> None:
        key = (event.message_id, event.kind)
        if key in self.words:
            self.words[key].append(event.text)
        else:
            self.words[key] = [event.text]
            self.last[key] = envelope

    def added(self, envelope: Envelope, event: events.MessageAdded) -> None:
        if event.message is not None:
            for kind in ("text", "reasoning"):
                self.words.pop((event.message.id, kind), None)
                self.last.pop((event.message.id, kind), None)

    def model_finished(self, envelope: Envelope, event: events.ModelFinished) -> None:
        self.begun.pop(("model", envelope.path), None)

    def envelopes(self) -> list[Envelope]:
        """The open beginnings, and for each open message its text so far as one delta."""
        said: list[Envelope] = []
        for key, words in self.words.items():
            kind: Literal["text", "reasoning"] = "text" if key[1] == "text" else "reasoning"
            first = self.last[key]
            delta = events.Delta(key[0], "".join(words), kind)
            said.append(Envelope(run_id=first.run_id, seq=first.seq, at=first.at, path=first.path, event=delta))
        begun = sorted([*self.nodes(), *self.begun.values()], key=_at)
        return [*begun, *said]


def _opens(kind: str, key: Callable[[Envelope, Any], Any]) -> Callable[[_Going, Envelope, Any], None]:
    def note(going: _Going, envelope: Envelope, event: Any) -> None:
        going.begun[(kind, key(envelope, event))] = envelope

    return note


def _closes(kind: str, key: Callable[[Envelope, Any], Any]) -> Callable[[_Going, Envelope, Any], None]:
    def note(going: _Going, envelope: Envelope, event: Any) -> None:
        going.begun.pop((kind, key(envelope, event)), None)

    return note


def _at(envelope: Envelope) -> float:
    return envelope.at


def _path(envelope: Envelope, event: Any) -> Any:
    return envelope.path


def _call(envelope: Envelope, event: Any) -> Any:
    return event.call_id


_NOTES: dict[type, Callable[[_Going, Envelope, Any], None]] = {
    events.Delta: _Going.delta,
    events.MessageAdded: _Going.added,
    events.ModelStarted: _opens("model", _path),
    events.ModelFinished: _Going.model_finished,
    events.ToolStarted: _opens("tool", _call),
    events.ToolFinished: _closes("tool", _call),
}


class Hub:
    """All runs that this process drives or watches."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}
        self._going: dict[str, _Going] = {}

    def open(self, run_id: str) -> None:
        """This process drives the run from now on: keep what is going on for those who join late."""
        self._going[run_id] = _Going()

    def close(self, run_id: str) -> None:
        self._going.pop(run_id, None)
        self.ring(run_id)

    def open_nodes(self, run_id: str, nodes: Callable[[], Iterable[Envelope]]) -> None:
        """Whom to ask which nodes of a run that this process drives have begun."""
        if (going := self._going.get(run_id)) is not None:
            going.nodes = nodes

    def listened(self, run_id: str) -> bool:
        """Whether anybody listens right now."""
        return run_id in self._listeners

    def heard(self, run_id: str) -> bool:
        """Whether anything would be lost if an event of this run were not published."""
        return run_id in self._going or run_id in self._listeners

    def happened(self, run_id: str, first: int, happened: Sequence[Happened]) -> None:
        """Publish durable events, numbered from ``first``: no more is made of them than somebody hears."""
        listened = run_id in self._listeners
        for seq, one in enumerate(happened, first):
            if listened or type(one.event) in _NOTES:
                event = _told(one.event)
                self.publish(Envelope(run_id=run_id, seq=seq, at=one.at, path=one.path, event=event))

    def publish(self, envelope: Envelope) -> None:
        """Tell every listener; takes no time and never fails."""
        going = self._going.get(envelope.run_id)
        if going is not None:
            going.note(envelope)
        for listener in self._listeners.get(envelope.run_id, ()):
            listener.push(envelope)

    def ring(self, run_id: str) -> None:
        """Something about the run changed in the store: let listeners look."""
        for listener in self._listeners.get(run_id, ()):
            listener.ring()

    def listen(self, run_id: str) -> Listener:
        listener = Listener()
        self._listeners.setdefault(run_id, []).append(listener)
        return listener

    def leave(self, run_id: str, listener: Listener) -> None:
        left = [other for other in self._listeners.get(run_id, ()) if other is not listener]
        if left:
            self._listeners[run_id] = left
        else:
            self._listeners.pop(run_id, None)

    def going(self, run_id: str, listener: Listener) -> list[Envelope]:
        """What is open now. Passing events that wait for this listener are in it, and are dropped."""
        durable = [envelope for envelope in listener.queue if type(envelope.event) not in PASSING]
        listener.queue.clear()
        listener.queue.extend(durable)
        listener.lagged = False
        going = self._going.get(run_id)
        return going.envelopes() if going is not None else []


def _told(event: Event) -> Event:
    """As who listens is told, live as afterwards: what is for the audit is there alone."""
    if type(event) is not events.ToolFinished or event.judged is None:
        return event
    return replace(event, judged=None)
