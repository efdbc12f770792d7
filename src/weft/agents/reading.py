"""The verbs of an app for who looks on: what happened in a run, what was said in a thread, what a model sees of it."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from weft.agents.agent import Agent
from weft.agents.prompt import Explanation, explain, last_said
from weft.engine.context import Target
from weft.events import Envelope
from weft.messages import Message
from weft.runtime.conversation import load_context, load_message
from weft.runtime.hub import Sync
from weft.runtime.reading import stored_events
from weft.storage.base import MessageRow, Scope, Store

if TYPE_CHECKING:
    from weft.runtime.runner import Runner


class Reading(ABC):
    """What an app shows of its runs and threads."""

    @abstractmethod
    async def open(self) -> Any: ...

    @abstractmethod
    def targets(self) -> dict[str, Target]: ...

    @property
    @abstractmethod
    def runner(self) -> "Runner": ...

    @property
    @abstractmethod
    def store(self) -> Store: ...

    async def watch(self, scope: Scope, run_id: str, *, after: int = 0) -> AsyncGenerator[Envelope | Sync]:
        """Every event after number ``after``, stored and then live, until the run rests."""
        await self.open()
        async with aclosing(self.runner.watch(scope, run_id, after=after)) as happenings:
            async for happening in happenings:
                yield happening

    async def events(self, scope: Scope, run_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[Envelope]:
        """The stored events after number ``after``."""
        await self.open()
        return await stored_events(self.store, scope, run_id, after=after, limit=limit)

    async def messages(
        self,
        scope: Scope,
        thread_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 50,
        newest: bool = False,
    ) -> list[tuple[MessageRow, Message]]:
        """Messages of the thread's own conversation, in order."""
        await self.open()
        rows = await self.store.threads.messages(
            scope, thread_id, after=after, before=before, limit=limit, newest=newest
        )
        return [(row, load_message(row)) for row in rows]

    async def explain(self, scope: Scope, thread_id: str) -> Explanation:
        """What the model sees of a thread now: each part, its source and its size.

        Of what the agent remembers, and of its documents that are searched unasked, what would come now to what was
        said last.

        Raises:
            NotFound: no such thread, or it is not yours.
        """
        await self.open()
        thread = await self.store.threads.get(scope, thread_id)
        opened = await self.store.threads.open(thread_id, conversation="")
        target = self.targets().get(thread.target)
        instructions = target.instructions if isinstance(target, Agent) else ""
        words = instructions if isinstance(instructions, str) else "(made anew for each run)"
        seen = load_context(opened.context, opened.messages)
        if not isinstance(target, Agent):
            return explain(words, seen)
        said, recalled, found = last_said(seen), "", ()
        if target.memory is not None:
            from weft.memory.remembering import Remembering  # noqa: PLC0415  # only who remembers

            remembering = Remembering(target.memory, target.name)
            memories = remembering.memories(self.store, thread.workspace, thread.user_id, thread_id)
            mind = await remembering.mind(words, said, memories)
            words, recalled = mind.instructions, mind.text
        if target.knowledge:
            from weft.knowledge.answering import Answering  # noqa: PLC0415  # only who has documents
            from weft.storage.knowledge_rows import Reader  # noqa: PLC0415

            policy = await self.runner.rules.policy(thread.workspace)
            roles = () if policy is None else tuple(sorted(policy.roles_of(thread.user_id)))
            answering = Answering(target.knowledge, target.name, target.policy)
            found = await answering.explained(said, self.store, Reader(thread.workspace, thread.user_id, roles))
        return explain(words, seen, recalled, found)
