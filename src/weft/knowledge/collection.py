"""A collection for one reader: add documents, follow their indexing, search them, take them away."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from msgspec import Struct

from weft.errors import NotFound, Unreadable, UsageError
from weft.knowledge.base import Knowledge, Passage, Progress, several
from weft.knowledge.library import library
from weft.knowledge.sources import Taken, files, from_file, readable, taken
from weft.memory.outside import sweep
from weft.storage.base import Store
from weft.storage.knowledge_rows import EVERYBODY, DocumentRow, NewDocument, Reader

_SOON, _LATE = 0.02, 0.5
"""Seconds between two looks at how far it is."""
_PAGE = 500


class Excerpt(Struct, frozen=True, kw_only=True):
    """Some of a document's text, around a place in it."""

    text: str
    offset: int
    """Characters before it in the document's text."""


class Collection:
    """Documents as one reader sees them; ``user=None`` in the reader sees all of the workspace's.

    What a user adds is his alone, unless it says who else may read it; what nobody in particular adds is for everybody.
    """

    def __init__(
        self,
        store: Store,
        knowledge: Knowledge,
        reader: Reader,
        *,
        roles: Callable[[str], Awaitable[Iterable[str]]] | None = None,
        allow: tuple[str, ...] = (),
    ) -> None:
        """``roles`` says which roles a user has, beside those of the reader; ``allow`` what may be fetched from."""
        self.knowledge, self.reader = knowledge, reader
        self._store, self._roles, self._allow = store, roles, allow
        self._library = library(store)

    async def who(self) -> Reader:
        """Who asks, with the roles that he has now."""
        user = self.reader.user
        if user is None or self._roles is None:
            return self.reader
        return Reader(self.reader.workspace, user, tuple(sorted({*self.reader.roles, *await self._roles(user)})))

    async def add(
        self,
        source: str | Path | bytes | None = None,
        *,
        text: str | None = None,
        name: str = "",
        metadata: Mapping[str, Any] | None = None,
        readers: str | Sequence[str] | None = None,
        wait: bool = True,
    ) -> DocumentRow:
        """Read a file, a web page, bytes or words; a document of the same name is replaced.

        The same bytes again are not read again. Until it is ready, what was there before is found.

        Args:
            metadata: Text, numbers, truth values and lists of them, for ``where`` in a search.
            readers: ``"workspace"`` for all users, names of users, ``role:NAME``; its owner may always read it.
            wait: Until it has been read and embedded.

        Raises:
            UsageError: there is no such file, or its metadata are no metadata.
            AccessDenied: the page may not be reached.
            Unreadable: it cannot be read; it is on record as failed.
        """
        if (source is None) == (text is None):
            raise UsageError("give either a file, an address or bytes, or text=...")
        if text is not None:
            given = Taken(name=name or "text", body=text.encode("utf-8", "replace"), mime="text/markdown")
        else:
            given = await taken(source or b"", name, self.knowledge.limits, self._allow)
        row, _ = await self._put(given, metadata, readers)
        self._library.ring()
        return await self.ready(row) if wait else row

    async def ready(self, row: DocumentRow) -> DocumentRow:
        """The document once it has been indexed. Raises: Unreadable, NotFound (somebody took it away)."""
        pause = _SOON
        while row.status in ("waiting", "reading"):
            await asyncio.sleep(pause)
            self._library.ring()
            pause = min(pause * 1.5, _LATE)
            row = await self._store.documents.get(await self.who(), row.id)
        if row.status == "failed":
            raise Unreadable(row.error or f"{row.name} cannot be read")
        return row

    async def index_folder(
        self,
        folder: str | Path,
        *,
        metadata: Mapping[str, Any] | None = None,
        readers: str | Sequence[str] | None = None,
        prune: bool = False,
    ) -> AsyncGenerator[Progress]:
        """Bring the collection to what a folder holds: what is new or changed is read; how far that is.

        A document is named by its path from the folder's own name on. A process that dies or leaves the loop leaves
        what was found so far to be read by the next one; what comes after that is found when this is called again.

        Args:
            prune: Take away documents of this folder that are not in it any more.

        Raises:
            UsageError: there is no such folder.
        """
        root = await asyncio.to_thread(_root, folder)
        sync = _Sync()
        for path in await asyncio.to_thread(files, root):
            name = path.relative_to(root.parent).as_posix()
            try:
                given = await asyncio.to_thread(from_file, path, name, self.knowledge.limits)
            except Unreadable:
                sync.failed += 1
                continue
            if not readable(given.body):
                continue
            row, new = await self._put(given, metadata, readers)
            sync.saw(row, new=new)
            self._library.ring()
            yield sync.told(name)
        if prune:
            async for row in self._gone(root, sync.names):
                await self.remove(row.id)
                sync.removed += 1
                yield sync.told(row.name)
        async with aclosing(self._follow(sync)) as following:
            async for progress in following:
                yield progress

    async def search(self, query: str, *, limit: int = 8, where: Mapping[str, Any] | None = None) -> Sequence[Passage]:
        """The passages that fit best among what may be read, best first.

        Args:
            where: What their documents' metadata must be: ``{"year": 2024}``, one of ``{"year": [2023, 2024]}``,
                limits ``{"year": {"gte": 2020}}`` (gt, gte, lt, lte, ne); ``document`` is its name.
        """
        return await self._library.search(self.knowledge, await self.who(), query, limit=limit, where=where)

    async def documents(self, *, after: int = 0, limit: int = 50) -> Sequence[DocumentRow]:
        """What may be read, in the order in which it was added; ``after`` is the number of the last one seen."""
        return await self._store.documents.list(await self.who(), self.knowledge.name, after=after, limit=limit)

    async def get(self, id: str) -> DocumentRow:
        """Raises: NotFound."""
        return await self._mine(id)

    async def remove(self, id: str) -> None:
        """Take a document away with all that was made of it; no bytes are left.

        Raises:
            NotFound: there is none of his.
        """
        await self._mine(id)
        await self._store.documents.remove(self.reader, id)
        await sweep(self._store.outside)

    async def around(self, id: str, offset: int, *, characters: int = 2_000) -> Excerpt:
        """The text of a document around a place. Raises: NotFound."""
        await self._mine(id)
        first, last = max(0, offset - characters), offset + characters
        pieces = await self._store.documents.around(await self.who(), id, first, last)
        text = ""
        for piece in pieces:
            text += "\n" * max(0, piece.start - pieces[0].start - len(text)) + piece.text
        return Excerpt(text=text, offset=pieces[0].start if pieces else 0)

    async def settled(self, seconds: float = 600.0) -> None:
        """Wait until nothing of the collection waits to be read.

        Raises:
            TimeoutError: something still does.
        """
        async with asyncio.timeout(seconds):
            while await self._store.indexing.waiting(self.reader.workspace, self.knowledge.name):
                self._library.ring()
                await asyncio.sleep(_SOON)

    async def _mine(self, id: str) -> DocumentRow:
        row = await self._store.documents.get(await self.who(), id)
        if row.collection != self.knowledge.name:
            raise NotFound(f"no document {id!r} in {self.knowledge.name!r}")
        return row

    async def _put(
        self, given: Taken, metadata: Mapping[str, Any] | None, readers: str | Sequence[str] | None
    ) -> tuple[DocumentRow, bool]:
        new = NewDocument(
            collection=self.knowledge.name,
            name=given.name,
            body=given.body,
            mime=given.mime,
            origin=given.origin,
            facts=checked(metadata or {}),
            readers=_invited(readers, self.reader.user),
            recipe=self._library.recipe(self.knowledge),
        )
        return await self._store.documents.put(self.reader, new)

    async def _gone(self, root: Path, names: set[str]) -> AsyncGenerator[DocumentRow]:
        after = 0
        while page := await self.documents(after=after, limit=_PAGE):
            after = page[-1].n
            for row in page:
                ours = row.user == (self.reader.user or "") and Path(row.origin).is_relative_to(root)
                if ours and row.name not in names:
                    yield row

    async def _follow(self, sync: "_Sync") -> AsyncGenerator[Progress]:
        """How far those that are to be read are, until none is left."""
        pause = _SOON
        while sync.open:
            self._library.ring()
            waiting = await self._store.indexing.waiting(self.reader.workspace, self.knowledge.name)
            if waiting < len(sync.open):
                for id in list(sync.open)[: _PAGE if waiting else None]:
                    row = await self._store.documents.get(await self.who(), id)
                    if row.status in ("ready", "failed"):
                        sync.ended(row)
                        yield sync.told(row.name)
                pause = _SOON
            await asyncio.sleep(pause if sync.open else 0)
            pause = min(pause * 1.5, _LATE)


class _Sync:
    """A folder that is being brought in."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.open: dict[str, None] = {}
        self.unchanged = self.failed = self.removed = self.done = 0

    def saw(self, row: DocumentRow, *, new: bool) -> None:
        self.names.add(row.name)
        if row.status in ("waiting", "reading"):
            self.open[row.id] = None
        else:
            self.done += 1
            self.unchanged += not new

    def ended(self, row: DocumentRow) -> None:
        del self.open[row.id]
        self.done += 1
        self.failed += row.status == "failed"

    def told(self, name: str) -> Progress:
        return Progress(
            done=self.done,
            total=len(self.names),
            name=name,
            unchanged=self.unchanged,
            failed=self.failed,
            removed=self.removed,
        )


def checked(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """
    >>> checked({"year": 2024, "tags": ["a"]})
    {'year': 2024, 'tags': ['a']}

    Raises:
        UsageError: they are no metadata.
    """
    plain = (str, int, float, bool)
    for name, value in metadata.items():
        if not name or name == "document" or not all([isinstance(each, plain) for each in several(value)]):
            raise UsageError(
                f"metadata {name!r}: text, numbers, truth values or lists of them, under any name but 'document'"
            )
    return dict(metadata)


def _root(folder: str | Path) -> Path:
    root = Path(folder).absolute()
    if not root.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}")
    return root


def _invited(readers: str | Sequence[str] | None, user: str | None) -> tuple[str, ...]:
    if readers is None:
        return (EVERYBODY,) if user is None else ()
    named = [readers] if isinstance(readers, str) else readers
    return tuple(sorted({_reader(name) for name in named}))


def shown(reader: str) -> str:
    """As people name who may read.

    >>> shown("*"), shown("user:ada"), shown("role:staff")
    ('workspace', 'ada', 'role:staff')
    """
    return "workspace" if reader == EVERYBODY else reader.removeprefix("user:")


def _reader(name: str) -> str:
    if not name.strip():
        raise UsageError("a reader has a name: 'workspace', a user's, or role:NAME")
    return EVERYBODY if name == "workspace" else name if name.startswith(("role:", "user:")) else f"user:{name}"
