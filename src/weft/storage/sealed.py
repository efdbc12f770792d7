"""What people said is sealed in the database: in which columns, and how values are sealed and opened again.

A sealed value is a mark, the id of a data key, a nonce and AES-256-GCM of the value; the name of its table and column
and what tells its row are authenticated with it, and the key is its workspace's. Where equal values must be found as
equal (four columns of ``memories``), AES-SIV is in the place of both. A value without the mark is plain: it was there
before.
"""

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import LargeBinary, Table, Text

from weft.errors import StoreError

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "threads": ("title",),
    "runs": ("input", "output", "error"),
    "contexts": ("body",),
    "messages": ("body",),
    "events": ("body",),
    "checkpoints": ("body",),
    "slots": ("body",),
    "finished": ("body",),
    "questions": ("payload", "schema", "answer", "fallback"),
    "blobs": ("body",),
    "trail_points": ("body", "about"),
    "trail_values": ("body",),
    "trail_writes": ("body",),
    "inbox": ("body",),
    "steering": ("body",),
    "answers": ("body",),
    "memories": ("text", "subject", "attribute", "object", "rejected", "digest", "vector"),
    "documents": ("title", "facts", "more", "error", "terms"),
    "pieces": ("text", "context", "vector"),
    "items": ("body", "vectors"),
    "chores": ("body", "error"),
    "feedback": ("value",),
    "notes": ("body",),
}
"""All else stays readable: ids, names, numbers, times, statuses, and hashes of requests, blobs and tool calls."""
ALIKE = frozenset({"memories.subject", "memories.attribute", "memories.object", "memories.digest"})
"""Where equal values are to be equal, so that they can be looked for."""

COPIED = {"questions.fallback": "questions.answer"}
"""Values that the database itself copies into another column, and that are sealed as what they become."""

SEQ = "key %"
"""In place of a column: the number of a row in its parent, which its key ends in."""
_BOUND: Mapping[str, tuple[str, ...]] = {
    "threads": ("id",),
    "runs": ("id",),
    "messages": (SEQ, "conversation", "at"),
    "checkpoints": (SEQ,),
    "slots": (SEQ,),
    "finished": ("step", "activation"),
    "questions": ("id",),
    "blobs": ("sha256",),
    "trail_points": ("id",),
    "trail_values": ("channel", "version"),
    "trail_writes": ("point", "task", "idx"),
    "inbox": ("run", "number"),
    "answers": ("digest",),
    "memories": ("id", "version"),
    "documents": ("id",),
    "pieces": ("document", "digest"),
    "items": ("owner", "namespace", "key"),
    "chores": ("n",),
    "feedback": ("kind", "author", "at"),
    "notes": ("key", "at"),
}
_LOOSE = frozenset({"runs.error"}) | ALIKE
"""Written for many rows at once, or to be found as equal."""

MARK = b"\xc1weft1"
"""No JSON, text or MessagePack begins so."""
TEXT_MARK = "\x01weft1:"
_NONCE = 12
_packed = msgspec.msgpack.Encoder().encode


def bound(place: str) -> tuple[str, ...]:
    """The columns of its own row that a value of this column is sealed with: it opens beside no others.

    They are readable, stay as they are for as long as the row does, and go along where rows are copied.

    >>> bound("memories.text"), bound("memories.subject")
    (('id', 'version'), ())
    """
    return () if place in _LOOSE else _BOUND.get(place.partition(".")[0], ())


ID = 8
"""Bytes of a key's id."""


class Sealed(LargeBinary):
    """Bytes that are sealed where a key is set."""

    def __init__(self, place: str = "") -> None:
        super().__init__()
        self.place = place


class SealedText(Text):
    """Text that is sealed where a key is set."""

    def __init__(self, place: str = "") -> None:
        super().__init__()
        self.place = place


Kind: TypeAlias = Sealed | SealedText


def mark_columns(*tables: Table) -> None:
    """Give the columns their types. Before any query is made of them."""
    for table in tables:
        for name in COLUMNS.get(table.name, ()):
            column = table.c[name]
            place = COPIED.get(f"{table.name}.{name}", f"{table.name}.{name}")
            column.type = SealedText(place) if isinstance(column.type, Text) else Sealed(place)


class KeyMissing(StoreError):
    """There is no key at hand: for new values of a workspace, or of this id. It is to be looked for in the database."""

    def __init__(self, workspace: str | None, id: bytes | None = None) -> None:
        super().__init__(workspace, id)
        self.workspace, self.id = workspace, id


class DataKey:
    """One key of a workspace."""

    __slots__ = ("_gcm", "_siv", "id", "workspace")

    def __init__(self, id: bytes, secret: bytes, workspace: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV  # noqa: PLC0415  # only who seals

        self.id, self.workspace = id, workspace
        self._gcm: AESGCM = AESGCM(secret[:32])
        self._siv: AESSIV = AESSIV(secret[32:96])

    def seal(self, place: str, body: bytes, beside: Sequence[Any] = ()) -> bytes:
        """As it is kept ``beside`` the values that it is bound to."""
        if place in ALIKE:
            return MARK + self.id + self._siv.encrypt(body, [place.encode()])
        nonce = secrets.token_bytes(_NONCE)
        return MARK + self.id + nonce + self._gcm.encrypt(nonce, body, _where(place, beside))

    def open(self, place: str, kept: bytes, beside: Sequence[Any] = ()) -> bytes:
        """As it was. Raises: StoreError: it was damaged, or moved here from another column or row."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        rest = kept[len(MARK) + ID :]
        try:
            if place in ALIKE:
                return self._siv.decrypt(rest, [place.encode()])
            return self._gcm.decrypt(rest[:_NONCE], rest[_NONCE:], _where(place, beside))
        except (InvalidTag, ValueError):
            raise StoreError(f"a sealed value in {place} is damaged, or does not belong there") from None


def _where(place: str, beside: Sequence[Any]) -> bytes:
    """What is authenticated with a value."""
    return place.encode() + (b"\0" + _packed(beside) if beside else b"")


SECRET = 96
"""Bytes of a data key: 32 for AES-256-GCM, 64 for AES-SIV."""


class Ring:
    """The data keys that this process has at hand."""

    def __init__(self) -> None:
        self._keys: dict[bytes, DataKey] = {}
        self._current: dict[str, tuple[DataKey, DataKey]] = {}
        """By workspace: for most values, and for those that are to be alike."""

    def replace(self, keys: Mapping[bytes, DataKey], current: Mapping[str, tuple[DataKey, DataKey]]) -> None:
        """From now on these."""
        self._keys, self._current = dict(keys), dict(current)

    def knows(self, workspace: str) -> bool:
        return workspace in self._current

    def key_of(self, workspace: str) -> DataKey:
        """That which new values are sealed under. Raises: KeyMissing."""
        if (found := self._current.get(workspace)) is None:
            raise KeyMissing(workspace)
        return found[0]

    def seal(self, workspace: str | None, kind: Kind, value: Any, beside: Sequence[Any] = ()) -> Any:
        """Raises: KeyMissing."""
        if value is None or value == "" or value == b"":
            return value
        if workspace is None:
            raise StoreError(f"a value of {kind.place} is to be sealed, and nobody says of which workspace it is")
        if (found := self._current.get(workspace)) is None:
            raise KeyMissing(workspace)
        key = found[1] if kind.place in ALIKE else found[0]
        if isinstance(kind, SealedText):
            return TEXT_MARK + base64.b64encode(key.seal(kind.place, value.encode(), beside)).decode()
        return key.seal(kind.place, value, beside)

    def open(self, kind: Kind, kept: Any, workspace: str | None = None, beside: Sequence[Any] = ()) -> Any:
        """With a ``workspace`` only what is of it. Raises: KeyMissing; StoreError."""
        if isinstance(kept, str):
            if not kept.startswith(TEXT_MARK):
                return kept
            return self._opened(kind.place, base64.b64decode(kept[len(TEXT_MARK) :]), workspace, beside).decode()
        if kept is None or not kept.startswith(MARK):
            return kept
        return self._opened(kind.place, bytes(kept), workspace, beside)

    def _opened(self, place: str, kept: bytes, workspace: str | None, beside: Sequence[Any]) -> bytes:
        id = kept[len(MARK) : len(MARK) + ID]
        if (key := self._keys.get(id)) is None:
            raise KeyMissing(None, id)
        if workspace is not None and key.workspace != workspace:
            raise StoreError(f"a sealed value in {place} is another workspace's, and does not belong there")
        return key.open(place, kept, beside)

    def rows(
        self, sealed: "Sequence[Column]", rows: Sequence[Any], workspace: str | None = None, width: int | None = None
    ) -> Sequence[Any]:
        """The rows of a query, opened; only the first ``width`` values of each are those that were asked for."""
        if not sealed or not rows:
            return rows
        opened: list[Any] = []
        for row in rows:
            values = list(row[:width])
            for at, kind, beside in sealed:
                if values[at] is not None:
                    values[at] = self.open(kind, values[at], workspace, [told(row[one]) for one, told in beside])
            opened.append(tuple(values))
        return opened


Column: TypeAlias = tuple[int, Kind, Sequence[tuple[int, Callable[[Any], Any]]]]
"""Where in a row there is a sealed value, and where the values that it is bound to, and how they are told."""


def id_of(kept: Any) -> bytes | None:
    """The id of the key that a value is sealed under; ``None`` for a plain one."""
    if isinstance(kept, str):
        kept = base64.b64decode(kept[len(TEXT_MARK) :]) if kept.startswith(TEXT_MARK) else b""
    return bytes(kept[len(MARK) : len(MARK) + ID]) if kept and kept.startswith(MARK) else None
