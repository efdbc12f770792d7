"""Record what a model answers, and replay it: any run again, exactly, with no network and no key.

A cassette is a YAML file that a person can read and edit: what was asked, and what was said, piece by piece. Requests
are found by their content; ids and times differ from run to run, so they are counted instead of compared.
"""

import difflib
import hashlib
import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import yaml

from weft.errors import ReplayMissed, UsageError
from weft.messages import Json
from weft.models.base import Answer, Model, Piece, Request, close

Mode: TypeAlias = Literal["replay", "record", "live"]

_SECRET = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|key)-[A-Za-z0-9_-]{12,}|\bAIza[\w-]{20,}|\bgh[pousr]_\w{20,}|\beyJ[\w-]{10,}\.[\w-]+\.[\w-]+"
    r"|(?<=Bearer )[\w.~+/-]{8,}"
)
_SECRET_NAME = re.compile(r"(api[-_]?key|authorization|secret|password|token|cookie|credential)s?$", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?")
_OUR_ID = re.compile(r"\b([a-z]+)_[0-9a-hjkmnp-tv-z]{21}\b")
_HIDDEN = "<hidden>"


class Replay:
    """A model that has been recorded, or is being recorded.

    * ``replay``: only what is on the cassette; anything else raises ``ReplayMissed``, with what differs.
    * ``record``: what is on the cassette is replayed, the rest is asked of ``model`` and recorded.
    * ``live``: everything is asked of ``model`` and recorded anew.

    Equal requests are answered in the order of their recording; the last answer is repeated. One ``Replay`` may
    serve many runs at once.
    """

    def __init__(self, path: str | os.PathLike[str], model: Model | None = None, *, mode: Mode | None = None) -> None:
        """``mode`` is ``replay`` where there is no model, else ``record``.

        Raises:
            UsageError: there is nothing to replay, or nobody to ask; or the file is no cassette.
        """
        self._path = Path(path)
        self._model = model
        self._mode: Mode = mode or ("replay" if model is None else "record")
        if model is None and self._mode != "replay":
            raise UsageError(f"mode {self._mode!r} needs a model to ask")
        if self._mode == "replay" and not self._path.exists():
            raise UsageError(f"there is no cassette at {self._path}: record one with mode='record'")
        self._entries: list[Json] = [] if self._mode == "live" else _read(self._path)
        self._given: dict[str, int] = {}

    @property
    def name(self) -> str:
        if self._model is not None:
            return self._model.name
        return str(self._entries[0]["model"]) if self._entries else "replay"

    async def answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        """See ``Model.answer``.

        Raises:
            ReplayMissed: the cassette has no answer to this request.
        """
        asked = canonical(request)
        key = digest(asked)
        entry = None if self._mode == "live" else self._found(key)
        if entry is not None:
            for each in _said(entry):
                yield each
            return
        if self._model is None or self._mode == "replay":
            raise ReplayMissed(_miss(self._path, asked, self._entries))
        pieces: list[Piece] = []
        stream = self._model.answer(request)
        try:
            async for each in stream:
                if isinstance(each, Piece):
                    pieces.append(each)
                else:
                    self._keep(key, asked, pieces, each)
                yield each
        finally:
            await close(stream)

    def _found(self, key: str) -> Json | None:
        """The next answer to this request that was not given yet, or the last one again."""
        entries = [entry for entry in self._entries if entry["request"] == key]
        if not entries:
            return None
        number = self._given.get(key, 0)
        if self._mode == "record" and number >= len(entries):
            return None
        self._given[key] = number + 1
        return entries[min(number, len(entries) - 1)]

    def _keep(self, key: str, asked: Json, pieces: Sequence[Piece], answer: Answer) -> None:
        plain = _plain(answer)
        plain["message"].pop("id", None)  # a replayed message is a new one
        said = {"pieces": [[each.kind, each.text] for each in pieces], "answer": plain}
        self._entries.append({"request": key, "model": self.name, "asked": asked, **hidden(said)})
        self._given[key] = self._given.get(key, 0) + 1
        _write(self._path, self._entries)


def canonical(request: Request) -> Json:
    """What of a request makes it this one: ids of messages and calls are counted, times and secrets blotted out.

    >>> from weft.messages import user
    >>> canonical(Request(messages=[user("Hi")])) == canonical(Request(messages=[user("Hi")]))
    True
    """
    plain = _plain(msgspec.structs.replace(request, settings=dict(request.settings)))
    ids: dict[str, str] = {}
    for message in plain["messages"]:
        message.pop("id", None)
        for part in message["parts"]:
            for field in ("id", "call_id"):
                if field in part and part["type"] in ("tool_call", "tool_result"):
                    part[field] = ids.setdefault(part[field], f"call {len(ids) + 1}")
            part.pop("signature", None)
            part.pop("redacted", None)
            if part["type"] == "media" and part.get("data"):
                part["data"] = "sha256 " + hashlib.sha256(part["data"].encode()).hexdigest()
    kept = {name: value for name, value in plain.items() if value not in (None, [], {})}
    return _normal(hidden(kept), ids)


def _plain(value: Request | Answer) -> Json:
    return msgspec.json.decode(msgspec.json.encode(value))


def _normal(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        value = _OUR_ID.sub(lambda found: f"<{found.group(1)}>", _TIME.sub("<time>", value))
        for id, named in ids.items():
            if len(id) >= 6:
                value = value.replace(id, f"<{named}>")
        return value
    if isinstance(value, dict):
        return {name: _normal(each, ids) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]  # JSON
    if isinstance(value, list):
        return [_normal(each, ids) for each in value]  # pyright: ignore[reportUnknownVariableType]  # JSON
    return value


def hidden(value: Any, name: str = "") -> Any:
    """The same without what looks like a secret, by its form or by its name.

    >>> hidden({"api_key": "abc", "text": "use sk-abcdefghijklmnop please"})
    {'api_key': '<hidden>', 'text': 'use <hidden> please'}
    """
    if isinstance(value, str):
        return _HIDDEN if name and _SECRET_NAME.search(name) else _SECRET.sub(_HIDDEN, value)
    if isinstance(value, dict):
        return {each: hidden(inner, str(each)) for each, inner in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON
    if isinstance(value, list):
        return [hidden(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]  # JSON
    return value


def digest(asked: Json) -> str:
    """The name of a canonical request."""
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()[:20]


def _said(entry: Json) -> list[Piece | Answer]:
    pieces = [Piece(text, kind) for kind, text in entry["pieces"]]
    return [*pieces, msgspec.convert(entry["answer"], Answer)]


def _miss(path: Path, asked: Json, entries: Sequence[Json]) -> str:
    """What was asked beside the recorded request that is most like it."""
    if not entries:
        return f"the cassette {path.name} is empty"
    text = _yaml(asked).splitlines()
    recorded = [_yaml(entry["asked"]).splitlines() for entry in entries]
    likeness = [difflib.SequenceMatcher(None, text, each, autojunk=False).ratio() for each in recorded]
    nearest = likeness.index(max(likeness))
    diff = difflib.unified_diff(
        recorded[nearest], text, f"recorded, request {nearest + 1}", "asked now", lineterm="", n=1
    )
    shown = [line[:200] for line in diff]
    cut = [*shown[:60], f"... {len(shown) - 60} more lines"] if len(shown) > 60 else shown
    return "\n".join(
        [
            f"the cassette {path.name} has no answer to this request; record it with mode='record'. The nearest one:",
            *cut,
        ]
    )


def _read(path: Path) -> list[Json]:
    if not path.exists():
        return []
    try:
        read: Any = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        return list(read["interactions"]) if read else []
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no cassette: {error}") from error


def _write(path: Path, entries: Sequence[Json]) -> None:
    """At once or not at all: a reader never sees half a cassette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text(_yaml({"version": 1, "interactions": list(entries)}), encoding="utf-8")
    beside.replace(path)


def _text(dumper: Any, text: str) -> Any:
    """Long text stands as a block, so that a person can read it."""
    style = "|" if "\n" in text and not re.search(r"[ \t]+(\n|$)|[^\S\n ]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper: Any = type("_Dumper", (getattr(yaml, "CSafeDumper", yaml.SafeDumper),), {})
_Dumper.add_representer(str, _text)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
