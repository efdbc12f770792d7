"""The work on memories itself: what each kind of chore does, with the model of the agent that it is for."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from weft.agents.agent import Agent
from weft.agents.asking import Held, filled
from weft.engine.context import Target
from weft.errors import NotFound
from weft.memory.learning import ASK, Learnt, Line, about, drawn, tainting, told
from weft.memory.longterm import Memories
from weft.memory.practice import ASK as PRACTICE
from weft.memory.practice import Changes
from weft.memory.practice import told as practice_told
from weft.memory.remembering import Mind, Remembering, library, minds
from weft.memory.tidying import carry_out
from weft.memory.tidying import plan as planned
from weft.messages import foreign
from weft.models.apart import apart
from weft.models.base import Model
from weft.models.choose import resolve
from weft.runtime.budgets import Book
from weft.runtime.conversation import load_context, load_message
from weft.storage.accounts import CallRow
from weft.storage.base import RunRecord, Scope, Store
from weft.storage.chore_rows import Chore
from weft.storage.feedback_rows import Remark
from weft.storage.memory_rows import MemoryRow, Placed, Shelf, Source

T = TypeVar("T")
_PAGE = 500
_REMARKS = 50
_REJECTED = 20
"""Proposals that a person rejected, the newest, of which who proposes next is told."""
DAY = 86_400.0


class Noted(Struct, frozen=True):
    """What a model said: on record before anything is made of it, so that nobody asks again."""

    learnt: Learnt


class Proposed(Struct, frozen=True):
    """What a model proposed, and the last remark that it saw."""

    changes: Changes
    last: int


class Tasks:
    """Does chores of one workspace."""

    def __init__(self, store: Store, workspace: str, find: Callable[[str], Target], lease: float, book: Book) -> None:
        self._store, self._workspace, self._find, self._lease = store, workspace, find, lease
        self._book = book

    async def do(self, chore: Chore) -> int | None:
        """How far it came, where it is to be known the next time.

        Raises:
            NotFound: its agent is not served here.
            Fenced: it is not ours any more.
        """
        with apart(self._store, self._workspace, f"{chore.agent}.memory"):
            match chore.kind:
                case "learn":
                    await self._learn(chore)
                case "tidy":
                    await self._tidy(chore)
                case "propose":
                    return await self._propose(chore)
        return None

    async def _tidy(self, chore: Chore) -> None:
        """All of a user's memories, on every shelf."""
        scope, memories = Scope(self._workspace, chore.user), self._store.memories
        known: list[Placed] = []
        while page := await memories.list(scope, after=known[-1].n if known else 0, limit=_PAGE):
            known += page
        plan = await asyncio.to_thread(planned, known, time.time())

        async def tell(done: int) -> None:
            await self._store.chores.keep(chore, self._lease, done=done, total=plan.size)

        await carry_out(memories, scope, plan, tell)
        await tell(plan.size)

    async def _propose(self, chore: Chore) -> int:
        """Changes to an agent's instructions, from what was said of its runs since the last time."""
        mind = self._mind(chore.agent)
        scope = Scope(self._workspace, chore.user or None)
        remarks = await self._store.feedback.list(scope, agent=chore.agent, after=chore.mark, limit=_REMARKS)
        if mind is None or not remarks:
            return chore.mark
        shelf = Shelf(user=chore.user or None, agent=chore.agent)
        held = await library(self._store).shelf(self._workspace, shelf)
        practised, rejected = held.standing(time.time()), held.rejected()[-_REJECTED:]
        proposed = await self._proposed(chore, mind, practised, rejected, remarks)
        known, ids = {remark.n: remark for remark in remarks}, {row.id for row in practised}
        memories = mind.remembering.memories(self._store, self._workspace, chore.user or remarks[0].user)
        for change in proposed.changes.changes:
            meant = [known[n] for n in change.remarks if n in known]
            for remark in meant if change.text.strip() else ():
                await memories.add(
                    change.text,
                    of="agent" if chore.user else "practice",
                    kind="proposed",
                    subject=change.replaces if change.replaces in ids else "",
                    trust="agent",
                    source=Source(thread=remark.thread, message=remark.message, run=remark.run, at=remark.at),
                    chore=chore,
                )
        return proposed.last

    async def _proposed(
        self,
        chore: Chore,
        mind: Mind,
        practised: Sequence[MemoryRow],
        rejected: Sequence[MemoryRow],
        remarks: Sequence[Remark],
    ) -> Proposed:
        if chore.body is not None:
            return msgspec.json.decode(chore.body, type=Proposed)
        shown = [(remark, *(await self._around(remark))) for remark in remarks]
        words = practice_told(self._instructions(chore.agent), practised, rejected, shown)
        run = await self._store.runs.get(Scope(self._workspace), remarks[-1].run)
        proposed = Proposed(await self._filled(chore, mind, run, PRACTICE, words, Changes), remarks[-1].n)
        await self._store.chores.keep(chore, self._lease, body=msgspec.json.encode(proposed))
        return proposed

    async def _filled(self, chore: Chore, mind: Mind, run: RunRecord, ask: str, words: str, form: type[T]) -> T:
        """What the model makes of it; what that cost is the run's, under all its budgets.

        Raises:
            BudgetExceeded: too little is left; nobody was asked.
        """
        calls: list[CallRow] = []
        try:
            held = Held(self._book, run, chore)
            return await filled(f"{chore.agent}.memory", _reader(mind), ask, words, form, calls, held)
        finally:
            late = [msgspec.structs.replace(call, seq=0) for call in calls]  # no event of the run tells of them
            await self._store.ledger.late(run.id, late)

    async def _around(self, remark: Remark) -> tuple[str, str]:
        """What was asked and what was answered, where the remark is about; with how the run ended, if not well."""
        run = await self._store.runs.get(Scope(self._workspace), remark.run)
        lines = [line for line in await self._lines(run) if not remark.message or line.seq <= remark.message]
        asked = next((line.message.text for line in reversed(lines) if line.message.role == "user"), "")
        answered = next((line.message.text for line in reversed(lines) if line.message.role == "assistant"), "")
        return asked, answered if run.status == "finished" else f"{answered} (the run {run.status}: {run.error})"

    def _instructions(self, name: str) -> str:
        try:
            agent: Any = self._find(name)
        except NotFound:
            return ""
        words = agent.instructions if isinstance(agent, Agent) else ""
        return words if isinstance(words, str) else "(made anew for each run)"

    async def _learn(self, chore: Chore) -> None:
        run = await self._store.runs.get(Scope(self._workspace, chore.user), chore.of)
        mind = self._mind(chore.agent)
        if run.status != "finished" or mind is None:
            return
        lines = await self._lines(run)
        memories = mind.remembering.memories(self._store, self._workspace, chore.user, chore.thread)
        noted = await self._noted(chore, mind, run, lines, memories)
        if noted is None:
            return
        tainted = tainting(lines) or await self._tainted(chore.thread)
        news = drawn(noted.learnt, lines, thread=chore.thread, run=run.id, tainted=tainted)
        for done, new in enumerate(news):
            await self._store.chores.keep(chore, self._lease, done=done, total=len(news))
            await memories.add(
                new.text,
                of="agent" if new.kind == "proposed" else "user",
                kind=new.kind,
                subject=new.subject,
                attribute=new.attribute,
                relation=new.relation,
                object=new.object,
                valid_from=new.valid_from,
                until=new.until,
                trust=new.trust,
                importance=new.importance,
                source=new.source,
                chore=chore,
            )
        await self._store.chores.keep(chore, self._lease, done=len(news), total=len(news))
        await self._store.chores.add(self._workspace, "tidy", chore.user, wait=DAY)

    async def _noted(
        self, chore: Chore, mind: Mind, run: RunRecord, lines: Sequence[Line], memories: Memories
    ) -> Noted | None:
        if chore.body is not None:
            return msgspec.json.decode(chore.body, type=Noted)
        before = await memories.about(about(chore.thread), "summary")
        words = told(lines, before[-1].text if before else "")
        if not words:
            return None
        noted = Noted(await self._filled(chore, mind, run, ASK, words, Learnt))
        await self._store.chores.keep(chore, self._lease, body=msgspec.json.encode(noted))
        return noted

    def _mind(self, name: str) -> Mind | None:
        """The agent of that name; ``None`` where it has no memory any more. Raises: NotFound."""
        if (known := minds(self._store).get(name)) is not None:
            return known
        agent: Any = self._find(name)
        if not isinstance(agent, Agent) or agent.memory is None:
            return None
        return Mind(Remembering(agent.memory, agent.name), agent.resolve_model())

    async def _lines(self, run: RunRecord) -> list[Line]:
        """What was said in the run, by its own agent."""
        found: list[Line] = []
        after = run.first_message - 1
        while run.first_message:
            scope = Scope(run.workspace, run.user_id)
            rows = await self._store.threads.messages(scope, run.thread_id, after=after, limit=_PAGE)
            found += [Line(row.seq, row.at, load_message(row)) for row in rows if row.run_id == run.id]
            if len(rows) < _PAGE or rows[-1].run_id != run.id:
                break
            after = rows[-1].seq
        return found

    async def _tainted(self, thread: str) -> bool:
        """Whether something that nobody vouches for is in view of the thread, or was."""
        opened = await self._store.threads.open(thread, conversation="")
        seen = load_context(opened.context, opened.messages)
        return bool(seen.gone) or any(foreign(message) for message in seen.messages)


def _reader(mind: Mind) -> Model:
    named = mind.remembering.reader
    return mind.model if named is None else resolve(named)
