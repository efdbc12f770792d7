"""What a run got from models and tools, taken from its record: another run gets the same, and nothing is called."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from weft import events
from weft.engine.step import step_of
from weft.errors import ReplayMissed
from weft.events import Envelope
from weft.messages import Message, Text, ToolResult
from weft.runtime.conversation import load_view
from weft.runtime.origin import Origin
from weft.runtime.reading import stored_events
from weft.storage.base import QuestionRow, Scope, Store

_PAGE = 1000
_NOBODYS = -1
"""A fence that no run has: it only looks."""


class Past(NamedTuple):
    """An answer of a model, as it was."""

    message: Message
    model: str
    finish: str


class Recorded:
    """Answers and results of a run, by where in it they came.

    The steps of the run that replays may lie ``shift`` behind; from ``live_from`` (a step of its target) on, nothing is
    taken from the record.
    """

    def __init__(self, envelopes: Sequence[Envelope], summaries: dict[tuple[str, ...], str], origin: Origin) -> None:
        self._shift, self._live_from = origin.steps, origin.live_from
        self._run = origin.run
        self._answers: dict[tuple[str, ...], list[Past]] = {}
        self._results: dict[tuple[tuple[str, ...], str], ToolResult] = {}
        self._taken: dict[tuple[str, ...], int] = {}
        waiting: dict[tuple[str, ...], list[tuple[tuple[str, ...], events.ModelFinished]]] = {}
        for envelope in envelopes:
            self._note(envelope.path, envelope.event, waiting, summaries)

    def answer(self, path: tuple[str, ...]) -> Past | None:
        """What the model said here; ``None`` where it is to be asked.

        Raises:
            ReplayMissed: it is not on record, and nothing may be called.
        """
        key = self._key(path)
        taken = self._taken.get(key, 0)
        known = self._answers.get(key, [])
        if self._live(path):
            return None
        if taken >= len(known):
            raise ReplayMissed(f"run {self._run} left no answer of a model at {'/'.join(key)}: go live from there")
        self._taken[key] = taken + 1
        return known[taken]

    def result(self, path: tuple[str, ...], call_id: str) -> ToolResult | None:
        """What the tool gave; ``None`` where it is to be called. Raises: ReplayMissed."""
        if self._live(path):
            return None
        found = self._results.get((self._key(path), call_id))
        if found is None:
            raise ReplayMissed(f"run {self._run} left no result of call {call_id!r}: go live from there")
        return found

    def _live(self, path: tuple[str, ...]) -> bool:
        return self._live_from is not None and step_of(path[1]) >= self._live_from

    def _key(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The place in the run that is replayed."""
        if not self._shift:
            return path
        step, colon, rest = path[1].partition(":")
        return (path[0], f"{int(step) - self._shift}{colon}{rest}", *path[2:])

    def _note(
        self,
        path: tuple[str, ...],
        event: Any,
        waiting: dict[tuple[str, ...], list[tuple[tuple[str, ...], events.ModelFinished]]],
        summaries: dict[tuple[str, ...], str],
    ) -> None:
        match event:
            case events.ModelFinished():
                waiting.setdefault(path[:-1], []).append((path, event))
            case events.MessageAdded(message=Message(role="assistant") as message):
                asked = waiting.pop(path, [])
                for where, finished in asked[:-1]:
                    said = Message(role="assistant", parts=(Text(summaries.get(where, "")),))
                    self._answers.setdefault(where, []).append(Past(said, finished.model, finished.finish))
                if asked:
                    where, finished = asked[-1]
                    self._answers.setdefault(where, []).append(Past(message, finished.model, finished.finish))
            case events.ToolFinished(call_id=call_id, result=ToolResult() as result):
                self._results[path, call_id] = result
            case _:
                pass


async def all_events(store: Store, scope: Scope, run_id: str) -> list[Envelope]:
    """Every stored event of a run. Raises: NotFound."""
    found: list[Envelope] = []
    while page := await stored_events(store, scope, run_id, after=found[-1].seq if found else 0, limit=_PAGE):
        found += page
    return found


async def recorded(store: Store, scope: Scope, origin: Origin) -> Recorded:
    """What the run that ``origin`` names left.

    Raises:
        NotFound: it is gone.
    """
    envelopes = await all_events(store, scope, origin.run)
    record = await store.runs.get(scope, origin.run)
    summaries: dict[tuple[str, ...], str] = {}
    for envelope in envelopes:
        if isinstance(envelope.event, events.ContextCompacted) and envelope.event.summarised:
            summaries[envelope.path] = await _summary(store, scope, record.thread_id, envelope.path)
    return Recorded(envelopes, summaries, origin)


async def _summary(store: Store, scope: Scope, thread_id: str, path: tuple[str, ...]) -> str:
    """The words that an activation put in the place of messages: in the checkpoint that its step led to."""
    step = step_of(path[-1]) + 1
    snapshot = await store.history.at(scope, thread_id, "/".join(path[:-1]), step)
    views = [load_view(slot.body) for at, slot in snapshot.slots if at == step and slot.body.startswith(b"{")]
    return next((view.summary for view in views if view.summary), "")


async def answered(store: Store, run_id: str) -> list[QuestionRow]:
    """What people said to the run: another one is told the same."""
    rows = await store.questions.take(run_id, _NOBODYS)
    closed = [row for row in rows if row.kind != "outcome" and row.status in ("answered", "expired", "taken")]
    return [replace(row, status="taken") for row in closed]
