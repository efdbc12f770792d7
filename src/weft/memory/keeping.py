"""The verbs of an app for what is remembered."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from weft.storage.base import Store

if TYPE_CHECKING:
    from weft.memory.longterm import Memories
    from weft.models.ports import Embedder
    from weft.vectors.base import VectorIndex


class Keeping(ABC):
    """What an app knows of the memories of its users."""

    workspace: str

    @property
    @abstractmethod
    def store(self) -> Store: ...

    def memories(
        self,
        user: str = "local",
        *,
        agent: str = "",
        thread: str = "",
        embedder: "Embedder | None" = None,
        index: "VectorIndex | None" = None,
    ) -> "Memories":
        """The memories of a user, and what everybody's are: to write, search, change and erase them.

        Args:
            agent: See what this agent keeps of the user too.
            thread: See what is this thread's alone too.
            embedder: Search by meaning as well as by words; the one that the agent has.
            index: Where vectors are found; the one that the agent has.

        Raises:
            UsageError: the app is not open.
        """
        from weft.memory.longterm import Memories  # noqa: PLC0415  # only who remembers needs them
        from weft.memory.remembering import library  # noqa: PLC0415

        made = library(self.store)
        return Memories(made, self.workspace, user, agent=agent, thread=thread, embedder=embedder, index=index)
