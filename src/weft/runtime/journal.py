"""The one writer of a run: numbers its events, stores them with the state, then lets them out."""

import time
from asyncio import Future
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from weft import events
from weft.events import PASSING, Envelope, Event
from weft.messages import Usage
from weft.runtime import codec
from weft.runtime.conversation import Said, dump_message
from weft.runtime.hub import Happened, Hub
from weft.runtime.ledger import calls_of
from weft.runtime.limits import Meter
from weft.storage.accounts import CallRow
from weft.storage.base import (
    ENDED,
    CheckpointRow,
    Commit,
    ContextRow,
    EventRow,
    FinishedRow,
    MessageRow,
    QuestionRow,
    RunChange,
    RunRecord,
    Store,
)
from weft.storage.commands import SteeringRow

NO_USAGE = Usage()
_NO_ROWS: list[MessageRow] = []
_path = msgspec.json.Encoder().encode


class RunInfo(Struct, kw_only=True):
    """Which run this is, and whose, and what it has used so far: what a node may know of it."""

    id: str
    thread_id: str
    target: str
    workspace: str = "default"
    user_id: str = "local"
    usage: Usage = NO_USAGE
    recorded: Any = None
    """What a replay takes from the record (``runtime.replaying.Recorded``) instead of calling a model or a tool."""
    meter: Meter = field(default_factory=Meter)


class Journal:
    """Everything that a run leaves behind goes through ``commit``, in order.

    Without a store it numbers and publishes all the same, so that a run looks the same to a listener.
    """

    def __init__(self, record: RunRecord, store: Store | None, hub: Hub | None) -> None:
        self.info = RunInfo(
            id=record.id,
            thread_id=record.thread_id,
            target=record.target,
            workspace=record.workspace,
            user_id=record.user_id,
            usage=NO_USAGE if record.usage is None else msgspec.json.decode(record.usage, type=Usage),
            meter=Meter(record.limits),
        )
        self.store = store
        self.rests = False
        """Whether how the run stopped is on record, though it raised."""
        self.silent = store is None and hub is None
        """Nobody would ever see an event."""
        self.seq = record.seq
        self.head_seq = 0
        self.first_message = record.first_message
        self.messages: list[Said] = []
        """What was said in the thread's own conversation in this run, by this process."""
        self.fence = record.fence
        self.hub = hub
        self.failure: Exception | None = None
        """Why a commit was lost, the first time: those after it are refused, as they would leave a gap."""
        self.intents: dict[str, QuestionRow] = {}
        """What must not happen twice and is under way: where the run ends first, nobody knows how it came out."""
        self.settled: list[QuestionRow] = []
        """What of it came to a known end: stored with the next commit."""
        self._begun: dict[tuple[str, ...], tuple[float, str, int]] = {}
        """The nodes that run: since when, which, and at which attempt."""
        self._pending: list[Happened] = []
        self._held: Commit | None = None
        self._called = False
        """Whether model calls ended that the ledger does not have yet."""
        self._sealed: list[Happened] = []
        """What is in the commit that is held."""
        if hub is not None:
            hub.open_nodes(record.id, self._beginnings)

    def follow(self, head_seq: int) -> None:
        """The thread has this many messages already."""
        self.head_seq = max(self.head_seq, head_seq)

    def started(self, path: tuple[str, ...], node: str, attempt: int) -> None:
        """A node begins at ``path``. Unless somebody listens, that is all that is made of it."""
        at = time.time()
        self._begun[path] = (at, node, attempt)
        if self.hub is not None and self.hub.listened(self.info.id):
            self.hub.publish(self._passing(at, path, events.NodeStarted(node, attempt)))

    def began(self, path: tuple[str, ...]) -> bool:
        """Whether this runs now."""
        return path in self._begun

    def ended(self, path: tuple[str, ...], default: tuple[float, str, int]) -> tuple[float, str, int]:
        """Since when what ran at ``path`` ran, what it was, and its attempt."""
        return self._begun.pop(path, default)

    def _beginnings(self) -> list[Envelope]:
        return [
            self._passing(at, path, events.NodeStarted(node, attempt))
            for path, (at, node, attempt) in self._begun.items()
        ]

    def _passing(self, at: float, path: tuple[str, ...], event: Event) -> Envelope:
        return Envelope(run_id=self.info.id, seq=self.seq, at=at, path=path, event=event)

    def emit(self, path: tuple[str, ...], event: Event) -> None:
        """Passing events go out at once; durable ones with the next commit."""
        if type(event) is events.ModelFinished:
            self.info.usage = self.info.usage + event.usage
            self.info.meter.used(event.usage.total_tokens, event.usage.cost)
            self._called = True
        if type(event) in PASSING:
            hub = self.hub
            if hub is not None and hub.heard(self.info.id):
                hub.publish(self._passing(time.time(), path, event))
        elif not self.silent:
            self._pending.append((time.time(), path, event))
            if type(event) is events.ModelFailed:
                self._called = True
                if self.info.meter.holds(path):
                    self.commit()  # what was reserved for it is free before it is tried again

    def commit(
        self,
        path: tuple[str, ...] = (),
        *,
        happened: Sequence[Event] = (),
        said: Sequence[Said] = (),
        conversation: str = "",
        context: ContextRow | None = None,
        checkpoint: CheckpointRow | None = None,
        finished: FinishedRow | None = None,
        questions: Sequence[QuestionRow] = (),
        steering: SteeringRow | None = None,
        run: RunChange | None = None,
        hold: bool = False,
    ) -> "Future[None] | None":
        """Store what happened and the state it led to, in one transaction; then publish.

        Everything is numbered and in line before this returns; the future, if there is one, is
        done when it is durable. It need not be awaited. With ``hold`` it waits for the commit that
        follows at once, and is stored with it.
        """
        now = time.time()
        rows = self._number(said, conversation, now) if said else _NO_ROWS
        if self.silent:
            self._pending.clear()
            return None
        new = self._take(path, happened, said, now, rests=run is not None and run.status is not None)
        first = self.seq + 1
        self.seq += len(new)
        if self.store is None:
            self._publish(first, new)
            return None
        if rows and conversation == "" and self.first_message == 0:
            self.first_message = rows[0].seq
            run = msgspec.structs.replace(run or RunChange(), first_message=rows[0].seq, forget_input=True)
        commit, self._held = self._held or self._empty(), None
        commit.seq, commit.at = self.seq, now
        commit.events.extend(_event_rows(first, new))
        commit.messages.extend(rows)
        commit.questions.extend(questions if not self.settled and not self.intents else self._settle(questions, run))
        commit.steering = steering or commit.steering
        commit.calls.extend(self._calls(first, new))
        if context is not None:
            commit.contexts.append(context)
        if checkpoint is not None:
            commit.checkpoints.append(checkpoint)
        if finished is not None:
            commit.finished.append(finished)
        if run is not None:
            commit.run = run if commit.run is None else _both(commit.run, run)
        if hold:
            self._held, self._sealed = commit, [*self._sealed, *new]
            return None
        if self._sealed:
            new, self._sealed = [*self._sealed, *new], []
        return self._put(self.store, commit, new)

    def _take(
        self, path: tuple[str, ...], happened: Sequence[Event], said: Sequence[Said], now: float, *, rests: bool
    ) -> list[Happened]:
        """All that happened since the last commit, in order; whatever ends a run is its last event."""
        new, self._pending = self._pending, []
        if happened:
            new.extend([(now, path, event) for event in happened])
        if said:
            new.extend([(now, path, events.MessageAdded(one.seq, one.message)) for one in said])
        if rests and len(new) > 1:
            new.sort(key=_rests)
        return new

    def _put(self, store: Store, commit: Commit, happened: list[Happened]) -> "Future[None]":
        first = self.seq - len(happened) + 1
        stored = store.commit(commit)
        if stored.done():
            self._stored(stored, first, happened)
        else:
            stored.add_done_callback(lambda future: self._stored(future, first, happened))
        return stored

    def _settle(self, questions: Sequence[QuestionRow], run: RunChange | None) -> list[QuestionRow]:
        rows, self.settled = [*questions, *self.settled], []
        if run is not None and run.status in ENDED:
            rows.extend([msgspec.structs.replace(row, status="unknown") for row in self.intents.values()])
            self.intents.clear()
        return rows

    def _calls(self, first: int, happened: list[Happened]) -> Sequence[CallRow]:
        if not self._called:
            return ()
        self._called = False
        return calls_of(first, happened, self.info.meter)

    def _empty(self) -> Commit:
        info = self.info
        return Commit(
            run_id=info.id,
            fence=self.fence,
            thread_id=info.thread_id,
            workspace=info.workspace,
            user_id=info.user_id,
            seq=self.seq,
            at=0.0,
        )

    def _stored(self, future: "Future[None]", first: int, happened: list[Happened]) -> None:
        if future.cancelled():
            return
        if (failure := future.exception()) is None:
            self._publish(first, happened)
        elif self.failure is None and isinstance(failure, Exception):
            self.failure = failure

    def _publish(self, first: int, happened: list[Happened]) -> None:
        if self.hub is not None:
            self.hub.happened(self.info.id, first, happened)

    def _number(self, said: Sequence[Said], conversation: str, now: float) -> list[MessageRow]:
        """Give messages their place in the thread."""
        for one in said:
            self.head_seq += 1
            one.seq = self.head_seq
        if conversation == "":
            self.messages.extend(said)
        if self.store is None:
            return []
        return [dump_message(one, conversation, self.info.id, now) for one in said]


def _rests(happened: Happened) -> bool:
    return type(happened[2]) in events.RESTING


def _event_rows(first: int, happened: list[Happened]) -> list[EventRow]:
    return [
        EventRow(seq=seq, at=at, path=_path(path).decode(), body=encode_event(event))
        for seq, (at, path, event) in enumerate(happened, first)
    ]


def _both(first: RunChange, then: RunChange) -> RunChange:
    """Two changes as one; the later counts."""
    changes = {
        name: value for name, value in msgspec.structs.asdict(then).items() if value is not None and value is not False
    }
    return msgspec.structs.replace(first, **changes)


def encode_event(event: Event) -> bytes:
    """An event as it is stored: content that has a row of its own is left out."""
    lean = _LEAN.get(type(event))
    return codec.encode(event if lean is None else lean(event), "event")


_RUN_FINISHED = events.RunFinished()
_LEAN: dict[type, Callable[[Any], Event]] = {
    events.MessageAdded: lambda event: events.MessageAdded(event.seq),
    events.ToolFinished: lambda event: msgspec.structs.replace(event, result=None),
    events.RunFinished: lambda event: _RUN_FINISHED,
}
