"""Vectors in a folder, searched by a library: what the doors to such libraries have in common.

A space is three files: what the library saved, which id has which label in it, and a log of what came after. The log is
written first, so that a process that is killed loses nothing; it is folded into a new save once it is long, and
when the index is closed. All of it can be made anew from the store that the vectors are from.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from weft.errors import StoreError, StoreLocked, UsageError
from weft.vectors.base import distinct, numbers
from weft.vectors.exact import best, loaded
from weft.vectors.log import Log, records

if TYPE_CHECKING:
    from weft.vectors.exact import Floats

T = TypeVar("T")
_LONG = 64 * 1024 * 1024
"""Bytes of a log that are folded at the latest."""


class Engine(Protocol):
    """One space in a library: vectors by labels, each of which is used once."""

    def add(self, labels: Sequence[int], rows: "Floats") -> None: ...

    def remove(self, labels: Sequence[int]) -> None: ...

    def get(self, labels: Sequence[int]) -> "Floats": ...

    def search(self, vector: "Floats", limit: int) -> Sequence[tuple[int, float]]:
        """Labels and cosines, best first."""
        ...

    def save(self, path: Path) -> None: ...


class Library(Protocol):
    """How spaces of a library are made and read again."""

    def make(self, size: int) -> Engine: ...

    def load(self, path: Path, size: int) -> Engine: ...


class Labels(msgspec.Struct, kw_only=True):
    """What is saved of a space beside the library's own file."""

    space: str
    size: int
    generation: int = 0
    """The save that belongs to it: the library's file and the log have it in their names."""
    next: int = 1
    ids: dict[str, int] = {}


class InFolder:
    """``VectorIndex`` on files, by a library. One process at a time has a folder."""

    def __init__(self, folder: str | os.PathLike[str], library: Callable[[], Library]) -> None:
        self._folder = Path(folder)
        self._import = library
        self._library: Library | None = None
        self._spaces: dict[str, Space] = {}
        self._opening = threading.Lock()
        self._held: int | None = None

    async def put(self, space: str, entries: Sequence[tuple[str, bytes]]) -> None:
        if entries:
            size = numbers(space, (vector for _, vector in entries))
            await self._run(lambda: self._open(space, size).put(distinct(entries)))

    async def remove(self, space: str, ids: Sequence[str]) -> None:
        await self._run(lambda: self._known(space, None, lambda held: held.remove(ids)))

    async def search(
        self, space: str, vector: bytes, limit: int, *, only: Sequence[str] | None = None
    ) -> Sequence[tuple[str, float]]:
        found = await self._run(lambda: self._known(space, None, lambda held: held.search(vector, limit, only)))
        return found or []

    async def count(self, space: str) -> int:
        return await self._run(lambda: self._known(space, 0, lambda held: len(held.labels.ids))) or 0

    async def scrub(self, space: str) -> None:
        await self._run(lambda: self._known(space, None, lambda held: held.scrub()))

    async def drop(self, space: str) -> None:
        await self._run(lambda: self._drop(space))

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    async def _run(self, call: Callable[[], T]) -> T:
        """Beside the loop: libraries hold it up, and so do files."""
        await loaded()
        try:
            return await asyncio.to_thread(call)
        except OSError as error:
            raise StoreError(f"vectors in {self._folder}: {error}") from error

    def _known(self, space: str, default: T, call: "Callable[[Space], T]") -> T:
        held = self._open(space)
        return default if held is None else call(held)

    def _open(self, space: str, size: int | None = None) -> Any:
        """The space, made with vectors of this size where it is not there; ``None`` without a size."""
        with self._opening:
            if (held := self._spaces.get(space)) is not None:
                return held
            self._hold()
            place = self._place(space)
            if size is None and not place.with_suffix(".labels").exists():
                return None
            if self._library is None:
                self._library = self._import()
            held = self._spaces[space] = Space(place, space, size or 0, self._library)
            return held

    def _place(self, space: str) -> Path:
        return self._folder / sha256(space.encode()).hexdigest()[:32]

    def _hold(self) -> None:
        if self._held is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._held = _locked(self._folder)

    def _drop(self, space: str) -> None:
        with self._opening:
            self._hold()
            held = self._spaces.pop(space, None)
            if held is not None:
                held.leave()
            place = self._place(space)
            place.with_suffix(".labels").unlink(missing_ok=True)
            for file in self._folder.glob(f"{place.name}.*"):
                file.unlink()

    def _close(self) -> None:
        with self._opening:
            for held in self._spaces.values():
                held.fold()
                held.leave()
            self._spaces.clear()
            if self._held is not None:
                os.close(self._held)
                self._held = None


class Space:
    """One space: what its library has, and its files."""

    def __init__(self, place: Path, name: str, size: int, library: Library) -> None:
        self._place, self._library = place, library
        self._lock = threading.RLock()
        known = place.with_suffix(".labels")
        if known.exists():
            self.labels = msgspec.msgpack.decode(known.read_bytes(), type=Labels)
            self._engine = library.load(self._file("index"), self.labels.size)
        else:
            self.labels = Labels(space=name, size=size)
            self._engine = library.make(size)
            self._save()
        self._ids = {label: id for id, label in self.labels.ids.items()}
        for entries in _together(records(self._file("log"))):
            self._apply(entries)
        self._log = Log(self._file("log"))

    def put(self, entries: dict[str, bytes]) -> None:
        with self._lock:
            numbers(self.labels.space, entries.values(), self.labels.size)
            self._write(entries)

    def remove(self, ids: Sequence[str]) -> None:
        with self._lock:
            self._write({id: None for id in ids if id in self.labels.ids})

    def _write(self, entries: "dict[str, bytes] | dict[str, None]") -> None:
        if entries:
            self._log.add(entries)
            self._apply(entries)
            if self._log.length > _LONG:
                self.fold()

    def _apply(self, entries: "dict[str, bytes] | dict[str, None]") -> None:
        import numpy as np  # noqa: PLC0415

        known = self.labels.ids
        gone = [known.pop(id) for id in entries if id in known]
        if gone:
            self._engine.remove(gone)
            for label in gone:
                del self._ids[label]
        new = {id: vector for id, vector in entries.items() if vector is not None}
        if new:
            labels = range(self.labels.next, self.labels.next + len(new))
            self.labels.next += len(new)
            rows = np.frombuffer(b"".join(new.values()), dtype="<f4").reshape(len(new), self.labels.size)
            self._engine.add(labels, rows)
            known |= zip(new, labels, strict=True)
            self._ids |= zip(labels, new, strict=True)

    def search(self, vector: bytes, limit: int, only: Sequence[str] | None) -> list[tuple[str, float]]:
        """Those of ``only`` are compared one by one."""
        import numpy as np  # noqa: PLC0415

        with self._lock:
            numbers(self.labels.space, [vector], self.labels.size)
            asked = np.frombuffer(vector, dtype="<f4")
            known = self.labels.ids
            if limit < 1 or not known:
                return []
            if only is None:
                found = self._engine.search(asked, min(limit, len(known)))
                return [(self._ids[label], float(score)) for label, score in found if label in self._ids]
            ids = [id for id in dict.fromkeys(only) if id in known]
            return best(ids, self._engine.get([known[id] for id in ids]) @ asked, limit) if ids else []

    def fold(self) -> None:
        """A new save with all that is in the log, and an empty log. The labels are renamed into place last."""
        with self._lock:
            if self._log.length:
                self._renew()

    def scrub(self) -> None:
        """A library may keep what was removed in its place: all that is there is put into a new one."""
        with self._lock:
            labels = list(self._ids)
            rows = self._engine.get(labels) if labels else None
            self._engine = self._library.make(self.labels.size)
            if rows is not None:
                self._engine.add(labels, rows)
            self._renew()

    def _renew(self) -> None:
        self._log.close()
        old = [self._file("index"), self._file("log")]
        self.labels.generation += 1
        self._save()
        self._log = Log(self._file("log"))
        for file in old:
            file.unlink(missing_ok=True)

    def leave(self) -> None:
        with self._lock:
            self._log.close()

    def _save(self) -> None:
        self._engine.save(self._file("index"))
        new = self._place.with_suffix(".new")
        new.write_bytes(msgspec.msgpack.encode(self.labels))
        new.replace(self._place.with_suffix(".labels"))

    def _file(self, kind: str) -> Path:
        return self._place.with_suffix(f".{self.labels.generation}.{kind}")


def _together(entries: Iterator[tuple[str, bytes | None]], many: int = 4096) -> Iterator[Any]:
    """Runs of entries of one kind, without an id twice."""
    run: dict[str, bytes | None] = {}
    for id, vector in entries:
        if run and (id in run or len(run) >= many):
            yield run
            run = {}
        run[id] = vector
    if run:
        yield run


def _locked(folder: Path) -> int:
    """The folder is this process's until the file is closed.

    Raises:
        StoreLocked: another process has it.
        UsageError: this system cannot lock a file.
    """
    try:
        import fcntl  # noqa: PLC0415  # not on every system
    except ModuleNotFoundError as error:
        raise UsageError("vectors in files need a system that locks files; use PostgreSQL or Qdrant here") from error
    held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise StoreLocked(f"vectors in {folder}: another process has them open") from error
    return held
