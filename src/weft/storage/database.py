"""What the two databases do differently: how the steps of an operation are run, and commits written."""

from asyncio import Future
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from weft.storage.base import Commit, Enqueue, Job
from weft.storage.query import Operation

T = TypeVar("T")


class Database(Protocol):
    """Runs operations, each as often as it must be and with effect at most once."""

    @property
    def url(self) -> str: ...

    async def read(self, operation: Operation[T], *, brief: bool = False) -> T:
        """Run it outside of a transaction; ``brief`` says that it reads a few rows by their keys."""
        ...

    async def write(self, operation: Operation[T], *, lone: bool = False) -> T:
        """Run it in a transaction; ``lone`` says that it is one statement, which needs none of its own."""
        ...

    async def queue(self, operation: Operation[T], jobs: Callable[[T], Sequence[Job]], enqueue: Enqueue) -> T:
        """``write``, and enqueue the jobs that come of it.

        PostgreSQL enqueues in the transaction. Beside SQLite, jobs live in memory: they are made right after
        it, and ``Runs.waiting`` makes them again where a process died in between.
        """
        ...

    def commit(self, commit: Commit) -> "Future[None]": ...

    async def erase(self, operation: Operation[T]) -> T:
        """``write`` what deletes, and see to it that the bytes are gone as far as the database can."""
        ...

    async def compact(self) -> None:
        """Give space back."""
        ...

    async def scrub(self, *, whole: bool = False) -> None:
        """See to it that no byte of what was deleted is in the files; see ``belonging_rows``. Raises: StoreLocked."""
        ...

    def ring(self, runs: Iterable[str]) -> None:
        """Tell other processes that there is something new about these runs."""
        ...

    def listen(self, ring: Callable[[str], None]) -> Callable[[], None]: ...

    async def close(self) -> None: ...


class MemoryTx:
    """The transaction as an enqueue sees it: whom to call when it is durable."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], None]] = []

    async def execute(self, sql: str, *arguments: Any) -> None:
        raise NotImplementedError("on SQLite there is no SQL in a dispatcher's transaction: jobs live in memory")

    def after_commit(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def committed(self) -> None:
        for call in self._calls:
            call()
