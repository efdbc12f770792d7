"""The one writer of a run: numbers its events, stores them with the state, then lets them out."""

from asyncio import Future, get_running_loop, wait
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct, field

from weft import events
from weft.events import PASSING, Envelope, Event
from weft.messages import Usage
from weft.runtime.audits import uses_of
from weft.runtime.conversation import Said, dump_message
from weft.runtime.hub import Hub
from weft.runtime.ledger import calls_of
from weft.runtime.limits import Meter
from weft.runtime.plain import as_stored
from weft.storage.accounts import CallRow
from weft.storage.base import (
    ENDED,
    CheckpointRow,
    Commit,
    ContextRow,
    FinishedRow,
    Happened,
    MessageRow,
    QuestionRow,
    RunChange,
    RunRecord,
    Store,
)
from weft.storage.commands import SteeringRow

BURST = 32
"""Steps that are put on record together at most: what a crash may run again."""
BRIEF = 0.01
"""Seconds of a node's work that it may run again; what took longer is put on record at once."""
NO_USAGE = Usage()
_NO_ROWS: list[MessageRow] = []
_NO_WARNINGS: Mapping[str, str] = MappingProxyType({})


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
    rules: Any = None
    """The ``permits.Rulebook`` that its tool calls are held to; a run without a store has none."""
    store: Store | None = None
    fence: int = 0
    """Where all is kept, if it is."""


class Journal:
    """Everything that a run leaves behind goes through ``commit``, in order.

    Without a store it numbers and publishes all the same, so that a run looks the same to a listener.
    """

    __slots__ = (
        "_begun",
        "_behind",
        "_called",
        "_held",
        "_judged",
        "_lasting",
        "_moment",
        "_newest",
        "_pending",
        "_sealed",
        "_steps",
        "_untold",
        "failure",
        "fence",
        "first_message",
        "head_seq",
        "hub",
        "info",
        "intents",
        "messages",
        "rests",
        "seq",
        "settled",
        "silent",
        "store",
        "unpaid",
        "warnings",
    )

    def __init__(self, record: RunRecord, store: Store | None, hub: Hub | None) -> None:
        self.info = RunInfo(
            id=record.id,
            thread_id=record.thread_id,
            target=record.target,
            workspace=record.workspace,
            user_id=record.user_id,
            usage=NO_USAGE if record.usage is None else msgspec.json.decode(record.usage, type=Usage),
            meter=Meter(record.limits),
            store=store,
            fence=record.fence,
        )
        self.store = store
        self.warnings: Mapping[str, str] = _NO_WARNINGS
        """What whoever started the run should know, by what it is about."""
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
        self.unpaid: tuple[CallRow, ...] = ()
        """Model calls of commits that were lost: they were made, whoever has the run now."""
        self.intents: dict[str, QuestionRow] = {}
        """What must not happen twice and is under way: where the run ends first, nobody knows how it came out."""
        self.settled: tuple[QuestionRow, ...] = ()
        """What of it came to a known end: stored with the next commit."""
        self._begun: dict[tuple[str, ...], tuple[float, str, int]] = {}
        """The nodes that run: since when, which, and at which attempt."""
        self._pending: list[Happened] = []
        self._moment = 0.0
        """When the node was done whose commit follows at once; else 0."""
        self._lasting = False
        """Whether what was done since the last commit took so long that it is not to be done again."""
        self._held: Commit | None = None
        self._behind: Future[None] | None = None
        """The last commit of steps that nobody waited for."""
        self._called = False
        """Whether model calls ended that the ledger does not have yet."""
        self._judged = False
        """Whether tool calls ended that the audit does not have yet."""
        self._sealed: list[Happened] = []
        """What is in the commit that is held."""
        self._steps = 0
        """Steps in it that may be put on record later; 0 where it must wait for the commit that follows."""
        self._untold = 0
        """Commits of which nobody has heard yet."""
        self._newest: Future[None] | None = None
        """The last of them."""
        if hub is not None:
            hub.open_nodes(record.id, self._beginnings)

    def follow(self, head_seq: int) -> None:
        """The thread has this many messages already."""
        self.head_seq = max(self.head_seq, head_seq)

    def started(self, path: tuple[str, ...], node: str, attempt: int) -> None:
        """A node begins at ``path``. Unless somebody listens, that is all that is made of it."""
        at = events.now()
        self._begun[path] = (at, node, attempt)
        if self.hub is not None and self.hub.listened(self.info.id):
            self.hub.publish(self._passing(at, path, events.NodeStarted(node, attempt)))

    def began(self, path: tuple[str, ...]) -> bool:
        """Whether this runs now."""
        return path in self._begun

    def ended(self, path: tuple[str, ...], default: tuple[float, str, int]) -> tuple[float, str, int]:
        """Since when what ran at ``path`` ran, what it was, and its attempt."""
        return self._begun.pop(path, default)

    def finished(self, path: tuple[str, ...], node: str, *, alone: bool) -> None:
        """What ran at ``path`` is done. If it was ``alone`` its commit follows at once, and is of the same moment."""
        started, node, attempt = self._begun.pop(path, (0.0, node, 1))
        now = events.now()
        self._moment = now if alone else 0.0
        if now - started > BRIEF:
            self._lasting = True
        self._pending.append(Happened(now, path, events.NodeFinished(node, started, attempt)))

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
            self.info.meter.used(event.usage.total_tokens, event.usage.cost, turns=not event.beside)
            self._called = True
        if type(event) in PASSING:
            hub = self.hub
            if hub is not None and hub.heard(self.info.id):
                hub.publish(self._passing(events.now(), path, event))
        elif not self.silent:
            self._moment = 0.0
            self._pending.append(Happened(events.now(), path, event))
            if type(event) is events.ToolFinished:
                self._judged = self._judged or event.judged is not None
            elif type(event) is events.ModelFailed:
                self._called = True
                if not event.replaced and self.info.meter.holds(path):
                    self.commit()  # what was reserved for it is free before it is tried again

    def commit(
        self,
        path: tuple[str, ...] = (),
        *,
        happened: Sequence[Event] = (),
        said: Sequence[Said] = (),
        conversation: str = "",
        contexts: Sequence[ContextRow] = (),
        checkpoints: Sequence[CheckpointRow] = (),
        finished: Sequence[FinishedRow] = (),
        questions: Sequence[QuestionRow] = (),
        steering: SteeringRow | None = None,
        run: RunChange | None = None,
        hold: bool = False,
        later: bool = False,
    ) -> "Future[None] | None":
        """Store what happened and the state it led to, in one transaction; then publish.

        Everything is numbered and in line before this returns; the future, if there is one, is
        done when it is durable. It need not be awaited. With ``hold`` it waits for the commit that
        follows at once, and is stored with it. With ``later`` it is stored with all that happens until
        the loop's next turn, unless it took long.
        """
        now, self._moment = self._moment or events.now(), 0.0
        rows = self._number(said, conversation, now) if said else _NO_ROWS
        if self.silent:
            return None
        new, self._pending = self._pending, []
        for event in happened:
            new.append(Happened(now, path, event))
        if said:
            new.extend([Happened(now, path, events.MessageAdded(one.seq, one.message)) for one in said])
        if run is not None and run.status is not None:
            new.sort(key=_rests)  # whatever ends a run is its last event
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
        commit.events += as_stored(new)
        commit.messages += rows
        commit.questions += self._settle(questions, run) if self.settled or self.intents else questions
        commit.steering = steering or commit.steering
        commit.contexts += contexts
        commit.checkpoints += checkpoints
        commit.finished += finished
        settles = (self._called or self._judged) and self._account(commit, first, new)
        if run is not None:
            commit.run = run if commit.run is None else _both(commit.run, run)
        if hold or (later and not settles and self._postponed()):
            self._held = commit
            self._sealed += new
            self._steps = 0 if hold else self._steps
            return None
        if self._sealed:
            new, self._sealed = self._sealed + new, []
        self._steps, self._lasting = 0, False
        return self._put(self.store, commit, new)

    def _postponed(self) -> bool:
        """Whether a step may still wait for others; the first has them all stored at the loop's next turn."""
        if self._lasting:
            return False
        if self._steps == 0:
            get_running_loop().call_soon(self._flush)
        self._steps += 1
        return self._steps < BURST

    def _flush(self) -> None:
        """Store the steps that wait, unless they were already."""
        if self._steps == 0 or self._held is None or self.store is None:
            return
        commit, self._held, self._steps = self._held, None, 0
        new, self._sealed = self._sealed, []
        try:
            self._behind = self._put(self.store, commit, new)
        except Exception as error:
            self.failure = self.failure or error

    async def catch_up(self) -> None:
        """Until the steps that nobody waited for are on record: something begins that may act on them.

        Raises:
            StoreError: they, or what was to be on record before them, cannot be.
        """
        self._flush()
        if self._behind is not None and not self._behind.done():
            await wait({self._behind})  # others may wait for it too: it is not cancelled with one of them
        if self.failure is not None:
            raise self.failure

    def _put(self, store: Store, commit: Commit, happened: list[Happened]) -> "Future[None]":
        first = self.seq - len(happened) + 1
        stored, calls = store.commit(commit), commit.calls
        if stored.done() and not self._untold:
            self._stored(stored, first, happened, calls)
        else:  # also what is done already: those before it are told of first
            self._untold += 1
            self._newest = stored
            stored.add_done_callback(lambda future: self._late(future, first, happened, calls))
        return stored

    @property
    def waits(self) -> bool:
        """Whether it is still to be heard what became of a commit, or of model calls in one that was lost."""
        return self._untold > 0 or bool(self.unpaid)

    async def heard(self) -> None:
        """Until it is known what became of every commit: a future that is done has not yet told us."""
        while self._untold and self._newest is not None:
            await wait({self._newest})

    def _late(self, future: "Future[None]", first: int, happened: list[Happened], calls: Sequence[CallRow]) -> None:
        self._untold -= 1
        self._stored(future, first, happened, calls)

    def _settle(self, questions: Sequence[QuestionRow], run: RunChange | None) -> list[QuestionRow]:
        rows, self.settled = [*questions, *self.settled], ()
        if run is not None and run.status in ENDED:
            rows.extend([msgspec.structs.replace(row, status="unknown") for row in self.intents.values()])
            self.intents.clear()
        return rows

    def _account(self, commit: Commit, first: int, happened: list[Happened]) -> bool:
        """What the ledger and the audit keep of it; whether what was set aside of budgets comes free with it."""
        if self._called:
            commit.calls.extend(calls_of(first, happened, self.info.meter))
        if self._judged:
            commit.uses.extend(uses_of(self.info.id, first, happened))
        called, self._called, self._judged = self._called, False, False
        return called

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

    def _stored(self, future: "Future[None]", first: int, happened: list[Happened], calls: Sequence[CallRow]) -> None:
        if future.cancelled():
            return
        if (failure := future.exception()) is None:
            self._publish(first, happened)
            return
        self.unpaid = (*self.unpaid, *calls)
        if self.failure is None and isinstance(failure, Exception):
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
    return type(happened.event) in events.RESTING


def _both(first: RunChange, then: RunChange) -> RunChange:
    """Two changes as one; the later counts."""
    changes = {
        name: value for name, value in msgspec.structs.asdict(then).items() if value is not None and value is not False
    }
    return msgspec.structs.replace(first, **changes)
