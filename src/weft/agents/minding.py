"""The verbs of an app for the work on memories that is done beside the runs."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weft.agents.agent import Agent
from weft.engine.context import Target
from weft.errors import NotFound, UsageError
from weft.memory.keeping import Keeping
from weft.memory.outside import SPACES, declare
from weft.messages import foreign
from weft.runtime.conversation import load_message
from weft.storage.base import Scope, Store
from weft.storage.memory_rows import Source, Trust

if TYPE_CHECKING:
    from weft.agents.clerk import Clerk
    from weft.memory.notes import Note
    from weft.memory.transcript import Passage
    from weft.runtime.budgets import Book
    from weft.storage.chore_rows import Chore
    from weft.storage.feedback_rows import Remark, Verdict
    from weft.storage.memory_rows import MemoryRow, Placed


class Minding(Keeping):
    """How an app learns of what was said, and keeps its memories in order."""

    _clerk: "Clerk | None" = None

    @abstractmethod
    def targets(self) -> Mapping[str, Target]: ...

    @abstractmethod
    def find(self, name: str) -> Target: ...

    def _begin_minding(
        self, store: Store, find: Callable[[str], Target], lease: float, book: "Book | None" = None
    ) -> None:
        from weft.agents.clerk import Clerk  # noqa: PLC0415  # only an app that is open needs it

        for target in self.targets().values():
            if isinstance(target, Agent) and target.memory is not None and target.memory.index is not None:
                declare(store.outside, SPACES, target.memory.index)
        self._clerk = Clerk(store, self.workspace, find, lease, book)

    async def _end_minding(self) -> None:
        clerk, self._clerk = self._clerk, None
        if clerk is not None:
            await clerk.stop()

    @property
    def clerk(self) -> "Clerk":
        """Raises: UsageError, where the app is not open."""
        if self._clerk is None:
            raise UsageError("the app is not open yet: use `async with app:` or `await app.open()`")
        return self._clerk

    async def settled(self, seconds: float = 60.0) -> None:
        """Wait until all that is to be learnt of finished runs has been learnt.

        Raises:
            TimeoutError: it takes longer.
        """
        await self.clerk.settle(seconds)

    async def chores(self, user: str | None = None) -> "Sequence[Chore]":
        """The work on memories, the newest first: what waits, how far it is, what failed and why."""
        return await self.store.chores.list(Scope(self.workspace, user))

    async def tidy(self, user: str = "local") -> None:
        """Put a user's memories in order in the background: what was told twice becomes one, what is faint goes."""
        await self.store.chores.add(self.workspace, "tidy", user)
        self.clerk.ring()

    # How an agent comes to do better

    async def feedback(
        self,
        run_id: str,
        kind: "Verdict",
        value: str,
        *,
        message: int = 0,
        user: str | None = None,
        author: str = "local",
    ) -> "Remark":
        """Say of a run, or of one ``message`` of it, that it was good (``thumb``: ``up`` or ``down``), what it should
        have been (``correction``), or what it is (``label``).

        Raises:
            NotFound: no such run or message.
            UsageError: a thumb is neither up nor down, or nothing is said.
        """
        if (kind == "thumb" and value not in ("up", "down")) or not value.strip():
            raise UsageError("a thumb is 'up' or 'down', and a correction or a label says something")
        scope = Scope(self.workspace, user)
        return await self.store.feedback.add(scope, run_id, kind, value, message=message, author=author)

    async def remarks(
        self, *, run: str | None = None, thread: str | None = None, agent: str | None = None, user: str | None = None
    ) -> "Sequence[Remark]":
        """What was said of runs, in order."""
        scope = Scope(self.workspace, user)
        return await self.store.feedback.list(scope, run_id=run, thread_id=thread, agent=agent, limit=1000)

    async def propose(self, agent: str, user: str = "") -> None:
        """Let the agent's model propose better instructions in the background, from feedback since the last time.

        They are for everybody or, with a ``user``, from and for this one; a person approves or rejects them.

        Raises:
            NotFound: no such agent.
        """
        self.find(agent)
        await self.store.chores.add(self.workspace, "propose", user, agent=agent)
        self.clerk.ring()

    async def proposals(self, user: str | None = None) -> "list[Placed]":
        """Instructions that wait for a person's word, the newest first."""
        rows = await self.store.memories.list(Scope(self.workspace, user), kind="proposed", limit=1000)
        return [placed for placed in rows if placed.row.expires_at is None]

    async def approve(self, id: str, user: str | None = None) -> "MemoryRow":
        """It holds from the agent's next turn on, in the place of what it replaces. Raises: NotFound, Conflict."""
        from weft.memory.practice import decided  # noqa: PLC0415  # only who asks needs it

        return await decided(self.store.memories, Scope(self.workspace, user), id, approved=True)

    async def reject(self, id: str, user: str | None = None, *, reason: str = "") -> "MemoryRow":
        """Drop it; it stays in the history, and who proposes next is told the reason. Raises: NotFound, Conflict."""
        from weft.memory.practice import decided  # noqa: PLC0415  # only who asks needs it

        return await decided(self.store.memories, Scope(self.workspace, user), id, approved=False, reason=reason)

    # What is kept of a user, a run or a thread

    async def profile(self, user: str = "local", *, as_of: float | None = None) -> dict[str, Any]:
        """What is known of a user in the schemas of agents; ``as_of``: what held then."""
        from weft.memory.profile import read_profile  # noqa: PLC0415  # only who asks needs it

        return await read_profile(self.memories(user), as_of=as_of)

    async def change_profile(self, agent: str, changes: Mapping[str, Any], user: str = "local") -> dict[str, Any]:
        """Write fields of a user's profile on a person's word; ``None`` ends what holds no more.

        Raises:
            NotFound: no such agent.
            UsageError: it has no profile, or a value does not fit; nothing is written.
        """
        from weft.memory.profile import Profile, change_profile  # noqa: PLC0415  # only who asks needs it

        target: Any = self.find(agent)
        if not isinstance(target, Agent) or target.memory is None or target.memory.profile is None:
            raise UsageError(f"{agent!r} keeps no profile: give it memory=Memory(profile=...)")
        return await change_profile(self.memories(user), Profile(target.memory.profile), changes)

    async def notes(
        self,
        *,
        run: str | None = None,
        thread: str | None = None,
        kind: str | None = None,
        stage: str | None = None,
        agent: str | None = None,
        user: str | None = None,
    ) -> "list[Note]":
        """What runs put down with ``weft.memory.notes.note``, in order."""
        from weft.memory.notes import notes  # noqa: PLC0415  # only who asks needs it

        by = {"run_id": run, "thread_id": thread, "kind": kind, "stage": stage, "agent": agent}
        return await notes(self.store, Scope(self.workspace, user), limit=10_000, **by)

    async def search_thread(
        self, thread: str, query: str, *, user: str | None = None, limit: int = 10
    ) -> "list[Passage]":
        """The messages of a thread that fit best, also those that no model sees any more.

        By meaning too, where the memory of the thread's agent has an embedder. Raises: NotFound.
        """
        from weft.memory.transcript import search_thread  # noqa: PLC0415  # only who asks needs it
        from weft.models.embedding import embedder  # noqa: PLC0415

        scope = Scope(self.workspace, user)
        agent = self.targets().get((await self.store.threads.get(scope, thread)).target)
        memory = agent.memory if isinstance(agent, Agent) else None
        means = None if memory is None or memory.embedder is None else embedder(memory.embedder)
        return await search_thread(self.store, scope, thread, query, limit=limit, embedder=means)

    async def pin(self, thread: str, message: int, user: str = "local") -> "MemoryRow":
        """Keep this message before the agent wherever the conversation goes; ``forget`` its memory to end that.

        Raises:
            NotFound: no such thread or message.
            UsageError: it says nothing.
        """
        scope = Scope(self.workspace, user)
        found = await self.store.threads.messages(scope, thread, after=message - 1, before=message + 1)
        if not found:
            raise NotFound(f"thread {thread!r} has no message {message}")
        said = load_message(found[0])
        text = f"{said.role}: {' '.join(said.text.split())}" if said.text.strip() else ""
        source = Source(thread=thread, message=message, run=found[0].run_id or "", at=found[0].at)
        trust: Trust = "tool" if foreign(said) else "person" if said.role == "user" else "agent"
        return await self.memories(user, thread=thread).add(
            text,
            of="thread",
            kind="episodic",
            subject=f"message {message}",
            valid_from=found[0].at,
            trust=trust,
            pinned=True,
            source=source,
        )
