"""The verbs of an app for documents: collections, and who reads what is new in them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from weft.agents.agent import Agent
from weft.engine.context import Target
from weft.errors import UsageError
from weft.storage.base import Store

if TYPE_CHECKING:
    from weft.knowledge.base import Knowledge
    from weft.knowledge.collection import Collection
    from weft.knowledge.librarian import Librarian
    from weft.runtime.runner import Runner
    from weft.storage.knowledge_rows import Summary


class Knowing(ABC):
    """What an app knows of documents."""

    workspace: str
    _librarian: "Librarian | None" = None

    @property
    @abstractmethod
    def store(self) -> Store: ...

    @property
    @abstractmethod
    def runner(self) -> "Runner": ...

    @abstractmethod
    def targets(self) -> Mapping[str, Target]: ...

    def _begin_knowing(self, store: Store, lease: float) -> None:
        from weft.knowledge.librarian import Librarian  # noqa: PLC0415  # only an app that is open needs it
        from weft.knowledge.library import library  # noqa: PLC0415

        known = library(store)
        for target in self.targets().values():
            for knowledge in target.knowledge if isinstance(target, Agent) else ():
                known.declare(knowledge)
        self._librarian = Librarian(store, self.workspace, known.known, lease)

    async def _end_knowing(self, grace: float = 5.0) -> None:
        if self._librarian is not None:
            await self._librarian.stop(grace)

    @property
    def librarian(self) -> "Librarian":
        """Raises: UsageError, where the app is not open."""
        if self._librarian is None:
            raise UsageError("the app is not open yet: use `async with app:` or `await app.open()`")
        return self._librarian

    def knowledge(
        self,
        name: "str | Knowledge",
        user: str | None = None,
        *,
        roles: Sequence[str] = (),
        allow: Sequence[str] = (),
    ) -> "Collection":
        """A collection of documents, by the name that an agent's ``Knowledge`` has, or by the ``Knowledge`` itself.

        Args:
            user: As this user sees it; without one, all of it.
            roles: That he has, beside those that the policy gives him (``docs/permission.md``).
            allow: Hosts and networks from which pages may be taken, beside public ones.

        Raises:
            UsageError: the app is not open.
        """
        from weft.knowledge.collection import Collection  # noqa: PLC0415  # only who has documents needs them
        from weft.knowledge.library import library  # noqa: PLC0415
        from weft.storage.knowledge_rows import Reader  # noqa: PLC0415

        known = library(self.store)
        found = known.known(name) if isinstance(name, str) else known.declare(name)
        self.librarian.ring()
        reader = Reader(self.workspace, user, tuple(sorted(roles)))
        return Collection(self.store, found, reader, roles=self._roles_of, allow=tuple(allow))

    async def collections(self, user: str | None = None, *, roles: Sequence[str] = ()) -> "Sequence[Summary]":
        """The collections in which there is something to read for a user; without one, all."""
        from weft.storage.knowledge_rows import Reader  # noqa: PLC0415

        held = {*roles, *(() if user is None else await self._roles_of(user))}
        return await self.store.documents.collections(Reader(self.workspace, user, tuple(sorted(held))))

    async def _roles_of(self, user: str) -> Sequence[str]:
        policy = await self.runner.rules.policy(self.workspace)
        return () if policy is None else policy.roles_of(user)
