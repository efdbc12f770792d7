"""What a run got from models and tools, taken from its record: another run gets the same, and nothing is called."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from msgspec import convert
from msgspec.structs import replace

from weft import events
from weft.engine.step import step_of
from weft.errors import ModelError, ReplayMissed, UsageError, WeftError
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

    def __init__(
        self,
        envelopes: Sequence[Envelope],
        summaries: dict[tuple[str, ...], str],
        origin: Origin,
        thread: str = "",
        acted: Iterable[str] = (),
    ) -> None:
        """``acted`` are paths at which more than a function was at work."""
        self.shift, self._live_from = origin.steps, origin.live_from
        self.run, self.thread = origin.run, thread
        self.run_nodes = origin.run_nodes
        """Whether plain functions run."""
        self._acted = frozenset(acted)
        self._answers: dict[tuple[str, ...], list[Past]] = {}
        self._results: dict[tuple[tuple[str, ...], str], ToolResult] = {}
        self._failures: dict[tuple[str, ...], tuple[type[WeftError], str]] = {}
        self._taken: dict[tuple[str, ...], int] = {}
        waiting: dict[tuple[str, ...], list[tuple[tuple[str, ...], events.ModelFinished]]] = {}
        for envelope in envelopes:
            self._note(envelope.path, envelope.event, waiting, summaries)

    def answer(self, path: tuple[str, ...]) -> Past | None:
        """What the model said here; ``None`` where it is to be asked.

        Raises:
            ReplayMissed: it is not on record, and nothing may be called.
            ModelError: so the call ended. It is not tried again: the tries are behind it.
        """
        key = self.place(path)
        taken = self._taken.get(key, 0)
        known = self._answers.get(key, [])
        if self.live(path):
            return None
        if taken >= len(known) and (failure := self._failures.get(key)) is not None:
            raise failure[0](failure[1])
        if taken >= len(known):
            raise ReplayMissed(f"run {self.run} left no answer of a model at {'/'.join(key)}: go live from there")
        self._taken[key] = taken + 1
        return known[taken]

    def result(self, path: tuple[str, ...], call_id: str) -> ToolResult | None:
        """What the tool gave; ``None`` where it is to be called. Raises: ReplayMissed."""
        if self.live(path):
            return None
        found = self._results.get((self.place(path), call_id))
        if found is None:
            raise ReplayMissed(f"run {self.run} left no result of call {call_id!r}: go live from there")
        return found

    def live(self, path: tuple[str, ...]) -> bool:
        """Whether nothing is taken from the record here."""
        return self._live_from is not None and step_of(path[1]) >= self._live_from

    def place(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The place in the run that is replayed."""
        if not self.shift or len(path) == 1:
            return path
        step, colon, rest = path[1].partition(":")
        return (path[0], f"{int(step) - self.shift}{colon}{rest}", *path[2:])

    def there(self, place: str) -> str:
        """A path or an id of the run that is replayed, as the one that replays has it."""
        target, slash, below = place.partition("/")
        step, colon, rest = below.partition(":")
        return f"{target}/{int(step) + self.shift}:{rest}" if colon else f"{target}{slash}{below}"

    def acted(self, path: tuple[str, ...]) -> bool:
        """Whether the activation at this path called something, or waited for a person in vain."""
        return "/".join(self.place(path)) in self._acted

    def _note(
        self,
        path: tuple[str, ...],
        event: Any,
        waiting: dict[tuple[str, ...], list[tuple[tuple[str, ...], events.ModelFinished]]],
        summaries: dict[tuple[str, ...], str],
    ) -> None:
        match event:
            case events.ModelFinished(beside=False):
                waiting.setdefault(path[:-1], []).append((path, event))
            case events.MessageAdded(message=Message(role="assistant") as message):
                asked = waiting.pop(path, [])
                for where, finished in asked[:-1]:
                    said = Message(role="assistant", parts=(Text(summaries.get(where, "")),))
                    self._answers.setdefault(where, []).append(Past(said, finished.model, finished.finish))
                if asked:
                    where, finished = asked[-1]
                    self._answers.setdefault(where, []).append(Past(message, finished.model, finished.finish))
            case events.Custom(name=events.ASIDE | events.REFUSED, data=data):
                asked = waiting.get(path[:-1], [])
                finished = next((each for where, each in asked if where == path), None)
                if finished is not None:
                    waiting[path[:-1]] = [each for each in asked if each[0] != path]
                    past = Past(convert(data, Message), finished.model, finished.finish)
                    self._answers.setdefault(path, []).append(past)
            case events.ModelFailed(code=code, message=words, replaced=False):
                self._failed(path, code, words)
            case events.NodeFailed(code=code, message=words, retrying=False) if code.startswith("model"):
                self._failed(path, code, words)
            case events.ToolFinished(call_id=call_id, result=ToolResult() as result):
                self._results[path, call_id] = result
            case _:
                pass

    def _failed(self, path: tuple[str, ...], code: str, words: str) -> None:
        kind = _errors().get(code)
        if kind is not None:
            self._failures[path] = kind, words


@cache
def _errors() -> dict[str, type[WeftError]]:
    """What a model's door may raise, by its code; none is tried again, whatever it was at first."""
    found: dict[str, type[WeftError]] = {}
    waiting: list[type[WeftError]] = [UsageError, ModelError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.code not in found and kind is not ReplayMissed:
            found[kind.code] = type(kind.__name__, (kind,), {"retryable": False})
    return found


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
    paths = await store.history.paths(scope, record.thread_id)
    rows = await store.questions.take(origin.run, _NOBODYS)
    acted = [path.rpartition("/")[0] for path in paths]
    acted += [row.path for row in rows if row.kind != "outcome" and row.status in ("open", "withdrawn")]
    return Recorded(envelopes, summaries, origin, record.thread_id, acted)


async def _summary(store: Store, scope: Scope, thread_id: str, path: tuple[str, ...]) -> str:
    """The words that an activation put in the place of messages: in the checkpoint that its step led to."""
    step = step_of(path[-1]) + 1
    snapshot = await store.history.at(scope, thread_id, "/".join(path[:-1]), step)
    views = [load_view(slot.body) for at, slot in snapshot.slots if at == step and slot.body.startswith(b"{")]
    return next((view.summary for view in views if view.summary), "")


async def answered(store: Store, origin: Origin) -> list[QuestionRow]:
    """What people said before the run goes live: the replay is told the same. What is live is asked anew."""
    rows = await store.questions.take(origin.run, _NOBODYS)
    past = Recorded((), {}, origin)
    closed = [row for row in rows if row.kind != "outcome" and row.status in ("answered", "expired", "taken")]
    moved = [replace(row, id=past.there(row.id), path=past.there(row.path), status="taken") for row in closed]
    return [row for row in moved if not past.live(tuple(row.path.split("/")))]
