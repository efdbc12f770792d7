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
from weft.runtime.hub import Hub
from weft.runtime.ledger import calls_of
from weft.runtime.limits import Meter
from weft.storage.accounts import CallRow
from weft.storage.base import (
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

NO_USAGE = Usage()


class RunInfo(Struct, kw_only=True):
    """Which run this is, and whose, and what it has used so far: what a node may know of it."""

    id: str
    thread_id: str
    target: str
    workspace: str = "default"
    user_id: str = "local"
    usage: Usage = NO_USAGE
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
        self._pending: list[tuple[float, tuple[str, ...], Event]] = []
        self._held: Commit | None = None
        self._called = False
        """Whether model calls ended that the ledger does not have yet."""
        self._sealed: list[Envelope] = []
        """What is in the commit that is held."""
        self._encoded_paths: dict[tuple[str, ...], str] = {}

    def follow(self, head_seq: int) -> None:
        """The thread has this many messages already."""
        self.head_seq = max(self.head_seq, head_seq)

    def emit(self, path: tuple[str, ...], event: Event) -> None:
        """Passing events go out at once; durable ones with the next commit."""
        if type(event) is events.ModelFinished:
            self.info.usage = self.info.usage + event.usage
            self.info.meter.used(event.usage.total_tokens, event.usage.cost)
            self._called = True
        if type(event) in PASSING:
            hub = self.hub
            if hub is not None and hub.heard(self.info.id):
                hub.publish(
                    Envelope(run_id=self.info.id, seq=self.seq, at=time.time(), path=path, event=event)
                )  # fmt: skip
        elif not self.silent:
            self._pending.append((time.time(), path, event))
            if type(event) is events.ModelFailed:
                self._called = True
                if self.info.meter.held.get(path):
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
        run: RunChange | None = None,
        hold: bool = False,
    ) -> "Future[None] | None":
        """Store what happened and the state it led to, in one transaction; then publish.

        Everything is numbered and in line before this returns; the future, if there is one, is
        done when it is durable. It need not be awaited. With ``hold`` it waits for the commit that
        follows at once, and is stored with it.
        """
        now = time.time()
        rows = self._number(said, conversation, now)
        if self.silent:
            self._pending.clear()
            return None
        pending, self._pending = self._pending, []
        pending.extend([(now, path, event) for event in happened])
        pending.extend([(now, path, events.MessageAdded(one.seq, one.message)) for one in said])
        if run is not None and run.status is not None and len(pending) > 1:
            _rest_last(pending)
        envelopes = self._seal(pending)
        if self.store is None:
            self._publish(envelopes)
            return None
        if rows and conversation == "" and self.first_message == 0:
            self.first_message = rows[0].seq
            run = msgspec.structs.replace(run or RunChange(), first_message=rows[0].seq, forget_input=True)
        commit, self._held = self._held or self._empty(), None
        commit.seq, commit.at = self.seq, now
        commit.events.extend([self._row(envelope) for envelope in envelopes])
        commit.messages.extend(rows)
        commit.questions.extend(questions)
        commit.calls.extend(self._ended(envelopes))
        if context is not None:
            commit.contexts.append(context)
        if checkpoint is not None:
            commit.checkpoints.append(checkpoint)
        if finished is not None:
            commit.finished.append(finished)
        if run is not None:
            commit.run = run if commit.run is None else _both(commit.run, run)
        self._sealed.extend(envelopes)
        if hold:
            self._held = commit
            return None
        envelopes, self._sealed = self._sealed, []
        stored = self.store.commit(commit)
        stored.add_done_callback(lambda future: self._stored(future, envelopes))
        return stored

    def _ended(self, envelopes: list[Envelope]) -> Sequence[CallRow]:
        if not self._called:
            return ()
        self._called = False
        return calls_of(envelopes, self.info.meter)

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

    def _stored(self, future: "Future[None]", envelopes: list[Envelope]) -> None:
        if future.cancelled():
            return
        if (failure := future.exception()) is None:
            self._publish(envelopes)
        elif self.failure is None and isinstance(failure, Exception):
            self.failure = failure

    def _number(self, said: Sequence[Said], conversation: str, now: float) -> list[MessageRow]:
        """Give messages their place in the thread."""
        if not said:
            return []
        for one in said:
            self.head_seq += 1
            one.seq = self.head_seq
        if conversation == "":
            self.messages.extend(said)
        if self.store is None:
            return []
        return [dump_message(one, conversation, self.info.id, now) for one in said]

    def _seal(self, happened: list[tuple[float, tuple[str, ...], Event]]) -> list[Envelope]:
        envelopes: list[Envelope] = []
        for at, path, event in happened:
            self.seq += 1
            envelopes.append(Envelope(run_id=self.info.id, seq=self.seq, at=at, path=path, event=event))
        return envelopes

    def _publish(self, envelopes: list[Envelope]) -> None:
        if self.hub is not None:
            for envelope in envelopes:
                self.hub.publish(envelope)

    def _row(self, envelope: Envelope) -> EventRow:
        path = self._encoded_paths.get(envelope.path)
        if path is None:
            path = self._encoded_paths[envelope.path] = events.encode(envelope.path).decode()
        return EventRow(seq=envelope.seq, at=envelope.at, path=path, body=encode_event(envelope.event))


def _rest_last(pending: list[tuple[float, tuple[str, ...], Event]]) -> None:
    """Whatever ends a run is its last event."""
    for index, (_, _, event) in enumerate(pending):
        if type(event) in events.RESTING:
            pending.append(pending.pop(index))
            return


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


_LEAN: dict[type, Callable[[Any], Event]] = {
    events.MessageAdded: lambda event: events.MessageAdded(event.seq),
    events.ToolFinished: lambda event: msgspec.structs.replace(event, result=None),
    events.RunFinished: lambda event: events.RunFinished(usage=event.usage),
}
