"""The verbs of an app for what belongs to somebody: take it along, or have it taken away."""

import asyncio
import logging
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from msgspec import Struct

from weft.agents.agent import Agent
from weft.engine.context import Target
from weft.errors import NotFound, StoreError, UsageError
from weft.memory.outside import sweep as sweep_vectors
from weft.storage.base import Scope, Store
from weft.storage.belonging_rows import Erasure, Of, Subject

if TYPE_CHECKING:
    from weft.runtime.archive import Exported

FILES = "weft-files"
"""Where tools keep the files of threads, if nobody says otherwise."""
_log = logging.getLogger("weft.privacy")


class Cleared(Struct, frozen=True):
    """What was taken away."""

    threads: int = 0
    found: bool = True
    """Whether there was anything, now or left over from an erasure that was cut off."""
    left: int = 0
    """Vectors that are still in an index that nobody here knows; they go once an app starts that does."""


Told = Callable[[Erasure], None]
"""Called after each thread that went."""


class Leaving(ABC):
    """How people take what is theirs along, and how all of it is erased."""

    workspace: str

    @property
    @abstractmethod
    def store(self) -> Store: ...

    @abstractmethod
    async def open(self) -> Any: ...

    @abstractmethod
    def targets(self) -> Mapping[str, Target]: ...

    async def export(
        self,
        to: "str | Path | IO[bytes]",
        *,
        user: str | None = None,
        thread: str | None = None,
        files: Sequence[str | Path] = (FILES,),
    ) -> "Exported":
        """Write all that is on record of a user, of a thread or of the whole workspace into one ZIP file.

        ``files`` are folders below which tools kept files of threads. A file is written beside its place and moved
        there at the end.

        Raises:
            NotFound: there is nothing of it.
            UsageError: the file cannot be written.
        """
        await self.open()
        subject = _subject(self.workspace, user, thread)
        if not isinstance(to, str | Path):
            return await self._write(to, subject, files)
        path = Path(to)
        try:
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            try:
                with os.fdopen(handle, "wb") as file:
                    exported = await self._write(file, subject, files)
                os.replace(draft, path)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(draft)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error}") from error
        return exported

    async def _write(self, to: IO[bytes], subject: Subject, files: Sequence[str | Path]) -> "Exported":
        from weft.runtime.archive import Archive  # noqa: PLC0415  # only who exports needs it
        from weft.tools.rooms import files_of, known  # noqa: PLC0415

        rows = self.store.belongings.rows(subject)
        archive = Archive(to, subject)
        for root in files:
            known(Path(root))
        try:
            for id in await archive.rows(rows):
                await archive.files(id, await asyncio.to_thread(files_of, self.store, subject.workspace, id))
            return await asyncio.to_thread(archive.close)
        except BaseException:
            archive.abandon()
            raise

    async def erase_user(
        self, user: str, *, by: str = "local", told: Told | None = None, files: Sequence[str | Path] = (FILES,)
    ) -> Cleared:
        """Take away all that is of a user; SQLite's files have no byte of it then, PostgreSQL's none after ``scrub``.

        From the first moment on the user's name leads to nothing. What was used and spent stays under an alias. Where
        a process dies in the midst of it, the next call or the next started app goes on. Twice is no error.

        Raises:
            Conflict: a run of the user is running; nothing was changed.
            StoreLocked: all rows are gone, but somebody reads for too long: call it again.
        """
        return await self._erase(Subject(self.workspace, "user", user), by, told, files)

    async def erase_workspace(
        self, *, by: str = "local", told: Told | None = None, files: Sequence[str | Path] = (FILES,)
    ) -> Cleared:
        """The same for all of the app's workspace, with its ledger, audit, policies, routers and secrets.

        Raises:
            Conflict: a run is running; nothing was changed.
            StoreLocked: as with ``erase_user``.
        """
        return await self._erase(Subject(self.workspace), by, told, files)

    async def erase_thread(
        self, thread: str, *, user: str | None = None, files: Sequence[str | Path] = (FILES,)
    ) -> Cleared:
        """Delete a thread as ``delete`` does, and see to its bytes as ``erase_user`` does.

        Raises:
            Conflict: a run of it is running; nothing was changed.
            StoreLocked: as with ``erase_user``.
        """
        await self.open()
        found = True
        try:
            await self.store.threads.delete(Scope(self.workspace, user), thread)
        except NotFound:
            found = False
        await self._swept(files)
        await self.store.belongings.scrub()
        return Cleared(int(found), found, await sweep_vectors(self.store.outside))

    async def resume_erasures(self, *, told: Told | None = None, files: Sequence[str | Path] = (FILES,)) -> Cleared:
        """Go on with all erasures in this store that were cut off."""
        await self.open()
        return await self._through(await self.store.belongings.pending(), told, files)

    async def scrub(self) -> None:
        """See to it that no byte of what was erased or deleted is in the store's files.

        SQLite has none anyway, once its log is empty. PostgreSQL's tables are written anew (``VACUUM FULL``), and each
        is locked for as long as that takes: it is for who runs the server, at a quiet hour.

        Raises:
            StoreLocked: somebody reads for too long: call it again.
        """
        await self.open()
        await self.store.belongings.scrub(whole=True)

    async def _erase(self, subject: Subject, by: str, told: Told | None, files: Sequence[str | Path]) -> Cleared:
        await self.open()
        begun = await self.store.belongings.begin(subject, by=by)
        left = await self.store.belongings.pending(None if subject.of == "workspace" else self.workspace)
        if begun is None and not left:
            return Cleared(0, False)
        return await self._through(left, told, files)

    async def _through(self, left: Sequence[Erasure], told: Told | None, files: Sequence[str | Path]) -> Cleared:
        belongings = self.store.belongings
        for erasure in left:
            now: Erasure | None = erasure
            while now is not None and now.threads:
                now = await belongings.step(now)
                if told is not None and now is not None:
                    told(now)
            await self._swept(files)
            while now is not None:
                now = await belongings.step(now)
            await belongings.end(erasure)
        return Cleared(sum([one.threads for one in left]), bool(left), await sweep_vectors(self.store.outside))

    async def _swept(self, files: Sequence[str | Path]) -> None:
        """What of threads is elsewhere: folders of tools, and answers that are given again."""
        from weft.models.kept import MEMORY  # noqa: PLC0415  # only who erases needs them
        from weft.tools.rooms import known, sweep  # noqa: PLC0415

        for root in files:
            known(Path(root))
        await sweep(self.store)
        MEMORY.clear()
        for address in sorted({_cache(target) for target in self.targets().values()} - {""}):
            from weft.models.redis_cache import redis_at  # noqa: PLC0415

            await redis_at(address).forget(self.workspace)

    async def _keep_erasing(self) -> None:
        """Once, when an app starts: what a process left that died."""
        try:
            await self.resume_erasures()
        except StoreError as error:
            _log.warning("an erasure waits to be gone on with: %s", error)


def _subject(workspace: str, user: str | None, thread: str | None) -> Subject:
    of: Of = "thread" if thread is not None else "user" if user is not None else "workspace"
    return Subject(workspace, of, thread or user or "", user if thread is not None else None)


def _cache(target: Target) -> str:
    """The address of the Redis that keeps its answers, if one does."""
    cache = target.cache if isinstance(target, Agent) else None
    return "" if cache is None or cache.keep in ("memory", "store") else cache.keep
