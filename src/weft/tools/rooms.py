"""Folders that tools keep for threads: noted down beside them, and removed once their thread is gone."""

import asyncio
import hashlib
import logging
import os
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import msgspec

from weft.errors import NotFound, StoreError
from weft.security.sandbox import folder as contents
from weft.storage.base import Scope, Store

NOTES = ".threads"
"""The folder of the notes, below the root and out of reach of what runs in a thread's folder."""
EVERY = 3600.0
"""Seconds between two rounds of a started app."""

_roots: set[Path] = set()
"""All that this process has made folders in."""
_log = logging.getLogger("weft.rooms")


class Note(msgspec.Struct, frozen=True):
    """Whose folder it is."""

    store: str
    workspace: str
    thread: str


def folder_of(root: Path, workspace: str, thread: str) -> Path:
    """Where the files of a thread lie."""
    mark = hashlib.sha256(f"{workspace}/{thread}".encode()).hexdigest()[:16]
    return root / f"{re.sub(r'[^a-zA-Z0-9_-]', '_', thread)[:40]}-{mark}"


def made(root: Path, workspace: str, thread: str, store: Store | None) -> Path:
    """The folder of a thread, there from now on. The note comes first, so that no folder is without."""
    folder = folder_of(root, workspace, thread)
    if not folder.is_dir():
        if (place := None if store is None else place_of(store.url)) is not None:
            notes = root / NOTES
            notes.mkdir(parents=True, exist_ok=True)
            draft = notes / f"{folder.name}.{os.getpid()}.new"
            draft.write_bytes(msgspec.json.encode(Note(place, workspace, thread)))
            draft.replace(notes / folder.name)
        folder.mkdir(parents=True, exist_ok=True)
    _roots.add(root)
    return folder


def known(root: Path) -> None:
    """There are folders of threads below this root, made by another process."""
    if (root / NOTES).is_dir():
        _roots.add(root)


def files_of(store: Store, workspace: str, thread: str) -> list[tuple[str, Path]]:
    """The files of a thread in all roots of this process, with their names in its folder; no links are followed."""
    found: dict[Path, tuple[str, Path]] = {}
    for root in sorted({root.resolve() for root in _roots}):
        folder, wanted = folder_of(root, workspace, thread), Note(place_of(store.url) or "", workspace, thread)
        if not any(note == wanted for note, path in _noted(root) if path.name == folder.name):
            continue
        for here, _, names in os.walk(folder):
            paths = [Path(here, name) for name in sorted(names)]
            files = [one for one in paths if one.is_file() and not one.is_symlink()]
            found |= {one: (str(one.relative_to(folder)), one) for one in files}
    return list(found.values())


def place_of(url: str) -> str | None:
    """Which store that is, from wherever one looks; ``None`` for one that is gone with its process.

    >>> place_of("sqlite:////var/weft.db?synchronous=NORMAL"), place_of("sqlite://")
    ('sqlite:/var/weft.db', None)
    """
    if not url.startswith("sqlite:"):
        return url
    path = unquote(url.partition("://")[2].partition("?")[0])[1:]
    return f"sqlite:{os.path.abspath(path)}" if path not in ("", ":memory:") else None


async def sweep(store: Store, *, workspace: str | None = None, thread: str | None = None) -> int:
    """Remove the folders of threads that are gone, in all roots of this process: of one thread, or of all; how many.

    The note goes last: where a process dies in between, the next round goes on.
    """
    removed, place = 0, place_of(store.url)
    for root in sorted(_roots) if place is not None else ():
        for note, path in await asyncio.to_thread(_noted, root):
            wanted = thread is None or (note.workspace, note.thread) == (workspace, thread)
            if note.store == place and wanted and await _gone(store, note):
                await asyncio.to_thread(_remove, folder_of(root, note.workspace, note.thread), path)
                removed += 1
    return removed


async def keep_sweeping(store: Store) -> None:
    """Round after round, until cancelled. A store that fails is asked again next time."""
    while True:
        try:
            await sweep(store)
        except (StoreError, OSError) as error:
            _log.warning("folders were not swept: %s", error)
        await asyncio.sleep(EVERY)


async def _gone(store: Store, note: Note) -> bool:
    try:
        await store.threads.get(Scope(note.workspace), note.thread)
    except NotFound:
        return True
    return False


def _noted(root: Path) -> list[tuple[Note, Path]]:
    found: list[tuple[Note, Path]] = []
    for path in sorted((root / NOTES).glob("*")):
        try:
            note = msgspec.json.decode(path.read_bytes(), type=Note)
        except (OSError, msgspec.DecodeError):
            continue  # somebody is writing it, or it is none of ours
        if path.name == folder_of(root, note.workspace, note.thread).name:
            found.append((note, path))
    return found


def _remove(folder: Path, note: Path) -> None:
    with suppress(OSError):
        contents.remove(str(folder))
    if not folder.exists():
        note.unlink(missing_ok=True)
