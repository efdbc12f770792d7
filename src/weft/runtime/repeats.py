"""Effects of a line that was left: whoever goes another way may do them again, and is asked before it does.

A fork, a node that is run again and a replay that goes live all leave what happened after some step. What of it must
happen once is known by its events; it stands here until something of that name is about to begin.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from weft import events
from weft.engine.step import step_of
from weft.errors import NotFound
from weft.events import Envelope
from weft.runtime import codec
from weft.runtime.history import history
from weft.runtime.reading import stored_events
from weft.storage.base import Page, QuestionRow, Scope, Store

_PAGE = 1000
NOBODYS = -1
"""A fence that no run has: it only looks."""
AGAIN = "again"
"""The last part of the id of such a question."""


class Left(Struct, frozen=True, omit_defaults=True):
    """What was left of a graph: all that it began from a step on."""

    thread: str
    path: str
    step: int
    before: int | None = None
    """The step that is no longer of that line."""
    also: tuple[str, ...] = ()
    """Activations that were under way then."""
    run: str = ""
    """Only what this run did."""

    def holds(self, path: Sequence[str]) -> bool:
        """Whether what happened at this path was left."""
        place = self.path.split("/")
        if len(path) <= len(place) or list(path[: len(place)]) != place:
            return False
        activation = path[len(place)]
        if activation in self.also:
            return True
        step = step_of(activation)
        return step >= self.step and (self.before is None or step < self.before)


class Effect(Struct, frozen=True, kw_only=True):
    """Something that must happen once, and that a line which was left did."""

    name: str
    key: str
    """The idempotency key that it was given."""
    run: str
    step: int
    """Of the graph that was left."""
    known: bool
    """Whether it is known to have happened; else nobody knows."""
    arguments: Any = None
    result: Any = None
    """What the tool gave."""

    @property
    def words(self) -> str:
        """As a person is told."""
        sure = "happened" if self.known else "may have happened"
        return f"{self.name!r} {sure} at step {self.step} of run {self.run}, on the line that was left"


class Repeats:
    """What one run may be about to repeat."""

    def __init__(self, rows: Sequence[QuestionRow] = ()) -> None:
        """``rows`` are the questions of the run so far."""
        asked = [row for row in rows if row.id.endswith(f"/{AGAIN}")]
        self._asked: dict[str, Effect] = {row.path: _effect_of(row) for row in asked}
        self._effects: list[Effect] = []

    def add(self, effects: Sequence[Effect]) -> None:
        """More was left."""
        known = {effect.key for effect in (*self._effects, *self._asked.values())}
        self._effects += [effect for effect in effects if effect.key not in known]

    def find(self, path: tuple[str, ...], name: str, arguments: Any) -> Effect | None:
        """What the effect that begins at ``path`` would repeat: one with these arguments, else one of this name."""
        here = "/".join(path)
        if (known := self._asked.get(here)) is not None:
            return known
        same = [effect for effect in self._effects if effect.name == name]
        if not same:
            return None
        given = _plain(arguments)
        found = next((effect for effect in same if effect.arguments == given), same[0])
        self._effects.remove(found)
        self._asked[here] = found
        return found


def _plain(value: Any) -> Any:
    return codec.decode(codec.encode(value, "arguments"))


def _effect_of(row: QuestionRow) -> Effect:
    return msgspec.convert(msgspec.json.decode(row.payload)["before"], Effect)


async def effects_of(store: Store, scope: Scope, left: Sequence[Left], *, but: str = "") -> list[Effect]:
    """What happened on these lines, or may have; not what run ``but`` did. What is gone from the record is not told."""
    found: dict[str, Effect] = {}
    for line in left:
        try:
            runs = [line.run] if line.run else await _runs(store, scope, line.thread)
            for run in runs:
                if run != but:
                    found.update({one.key: one for one in await _effects(store, scope, run, line)})
        except NotFound:
            continue
    return list(found.values())


async def _runs(store: Store, scope: Scope, thread_id: str) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while page := await store.runs.list(scope, Page(200, cursor, newest=False), thread_id=thread_id):
        found += [record.id for record in page if record.seq]
        cursor = page[-1].id
    return found


async def _effects(store: Store, scope: Scope, run: str, line: Left) -> list[Effect]:
    told, after = _Told(run, line), 0
    while page := await stored_events(store, scope, run, after=after, limit=_PAGE):
        after = page[-1].seq
        for envelope in page:
            told.note(envelope)
    if not told.begun:
        return []
    given = await _arguments(store, scope, run)
    return [replace(effect, arguments=given.get(effect.key)) for effect in told.begun.values()]


class _Told:
    """What the events of a run tell of its effects on a line."""

    def __init__(self, run: str, line: Left) -> None:
        self._run, self._line, self._depth = run, line, line.path.count("/") + 1
        self.begun: dict[tuple[str, ...], Effect] = {}
        self._unknown: set[tuple[str, ...]] = set()

    def note(self, envelope: Envelope) -> None:
        path, event = envelope.path, envelope.event
        if isinstance(event, events.EffectStarted) and self._line.holds(path):
            step = step_of(path[self._depth])
            self.begun[path] = Effect(name=event.name, key=event.key, run=self._run, step=step, known=False)
        if path not in self.begun:
            return
        match event:
            case events.EffectUnknown():
                self._unknown.add(path)
            case events.ToolFinished(failed=False, result=result):
                gave = None if result is None else result.content
                self.begun[path] = replace(self.begun[path], known=True, result=gave)
            case events.ToolFinished() | events.NodeFailed() if path not in self._unknown:
                del self.begun[path]  # it said itself that nothing happened
            case events.NodeFinished() if path not in self._unknown:
                self.begun[path] = replace(self.begun[path], known=True)
            case _:
                pass


async def _arguments(store: Store, scope: Scope, run: str) -> dict[str, Any]:
    """By key: what is on record of the tries of a run."""
    rows = await store.questions.take(run, NOBODYS)
    told = [msgspec.json.decode(row.payload) for row in rows if row.kind == "outcome"]
    return {one["key"]: one.get("arguments") for one in told}


async def left_behind(store: Store, scope: Scope, thread_id: str, target: str) -> tuple[Left, ...]:
    """What a thread that goes on without an input does not take further: of each of its graphs, what runs did from the
    checkpoint on where it stands now, and what the forks left that led there.
    """
    found: list[Left] = []
    for path in await store.history.paths(scope, thread_id):
        if path.split("/")[0] == target:
            found += await _left_of(store, scope, thread_id, path)
    return tuple(found)


async def _left_of(store: Store, scope: Scope, thread_id: str, path: str) -> list[Left]:
    found: list[Left] = []
    before: int | None = None
    try:
        while moments := await history(store, scope, thread_id, path, before=before, limit=1):
            moment = moments[0]
            found.append(await _line(store, scope, thread_id, path, moment.step))
            if moment.source != "fork" or moment.run_id is None:
                break
            told = [one.event for one in await stored_events(store, scope, moment.run_id, limit=3)]
            forked = next(one for one in told if isinstance(one, events.ThreadForked))
            thread_id, before = forked.source or thread_id, forked.parent + 1
    except NotFound:
        pass  # a thread that is gone took its effects with it
    return found


async def _line(store: Store, scope: Scope, thread_id: str, path: str, step: int) -> Left:
    snapshot = await store.history.at(scope, thread_id, path, step)
    also = tuple([id for id, _ in codec.decode_head(snapshot.head).nodes])
    return Left(thread_id, path, step, also=also)
