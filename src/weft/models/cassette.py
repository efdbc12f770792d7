"""Cassettes: YAML files that a person can read and edit. What was asked of a model, and what it said, piece by piece.

Requests are found by their content. Ids and times differ from run to run, so they are counted instead of compared; keys
and personal data are never written, and stand-ins are counted in their place, so that a replay finds what was recorded.
"""

import difflib
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from weft.errors import UsageError
from weft.messages import Json
from weft.models.base import Answer, Request
from weft.models.blotting import Persons, hidden

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?"
_CLOCK = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?(?: ?[AP]M)?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\b)?"
_TIME = re.compile(
    rf"\b(?:\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:[.,]\d+)?)?{_ZONE})?"
    rf"|{_DAY}(?:\d{{1,2}} {_MONTH},? \d{{4}}|{_MONTH} \d{{1,2}},? \d{{4}})(?:,? {_CLOCK}{_ZONE})?"
    rf"|{_DAY}{_MONTH} +\d{{1,2}} {_CLOCK} \d{{4}}|{_CLOCK}{_ZONE}|1[4-9]\d{{8}}(?:\d{{3}}|\.\d+)?)(?![\w-])"
)
"""Times and dates as programs write them, and seconds or milliseconds since the epoch."""
_OUR_ID = re.compile(r"\b([a-z]+)_[0-9a-hjkmnp-tv-z]{21}\b")
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)


class Cassette:
    """The entries of one file. Any number of models and runs may use it at once."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        """``fresh`` forgets what is on it."""
        self.path = path
        self.entries: list[Json] = [] if fresh else read(path)
        self._given: dict[tuple[str, str | None], int] = {}

    def found(self, asked: Json, model: str | None, *, again: bool) -> Json | None:
        """The next entry for what is asked (of ``model``) that was not given yet; ``again``: or the last once more."""
        following = [entry for entry in self.entries if entry["request"] == IN_ORDER]
        given = self._given.get((IN_ORDER, None), 0)
        if given < len(following):
            self._given[IN_ORDER, None] = given + 1
            return following[given]
        return self.fitting(asked, model, again=again)

    def fitting(self, asked: Json, model: str | None, *, again: bool) -> Json | None:
        """As ``found``, without those entries that answer whatever comes next."""
        key = (digest(asked), model)
        fitting = [entry for entry in self.entries if entry["request"] == key[0] and model in (None, entry["model"])]
        number = self._given.get(key, 0)
        if not fitting or (number >= len(fitting) and not again):
            return None
        self._given[key] = number + 1
        return fitting[min(number, len(fitting) - 1)]

    def keep(self, asked: Json, model: str, said: Json) -> None:
        """Record; ``asked`` is canonical."""
        key = digest(asked)
        self.entries.append({"request": key, "model": model, "asked": asked, **said})
        self._given[key, model] = self._given.get((key, model), 0) + 1
        self._given[key, None] = self._given.get((key, None), 0) + 1
        write(self.path, self.entries)


IN_ORDER = "in order"
"""In the place of a request: the entry answers whatever comes next. Made from runs, whose requests are not stored."""


def in_order(model: str, said: Json) -> Json:
    """An entry that answers the next request, whatever it is."""
    return {"request": IN_ORDER, "model": model, **said}


def canonical(request: Request, persons: Persons | None = None) -> Json:
    """What of a request makes it this one: ids and persons are counted, times and secrets blotted out.

    >>> from weft.messages import user
    >>> canonical(Request(messages=[user("Hi")])) == canonical(Request(messages=[user("Hi")]))
    True
    """
    told = plain(msgspec.structs.replace(request, settings=dict(request.settings)))
    ids: dict[str, str] = {}
    for message in told["messages"]:
        message.pop("id", None)
        for part in message["parts"]:
            for field in ("id", "call_id"):
                if field in part and part["type"] in ("tool_call", "tool_result"):
                    part[field] = ids.setdefault(part[field], f"call {len(ids) + 1}")
            part.pop("signature", None)
            part.pop("redacted", None)
            if part["type"] == "media" and part.get("data"):
                part["data"] = "sha256 " + hashlib.sha256(part["data"].encode()).hexdigest()
    kept = {name: value for name, value in told.items() if value not in (None, [], {})}
    return _normal((persons or Persons()).hide(hidden(kept)), ids, {})


def value_asked(asked: Json, persons: Persons) -> Json:
    """The same of what is no chat; bytes are told by their hash."""
    told = {what: _hashed(settings) for what, settings in asked.items()}
    return _normal(persons.hide(hidden(told, setting=True)), {}, {})


def _hashed(settings: Json) -> Json:
    return {
        name: "sha256 " + hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value
        for name, value in settings.items()
        if value is not None
    }


def plain(value: Request | Answer) -> Json:
    return msgspec.json.decode(msgspec.json.encode(value))


def _normal(value: Any, ids: Mapping[str, str], uuids: dict[str, str]) -> Any:
    """Times are blotted out; ids are named, ``uuids`` in the order in which they come."""
    if isinstance(value, str):
        value = _OUR_ID.sub(lambda found: f"<{found.group(1)}>", _TIME.sub("<time>", value))
        for id, named in ids.items():
            if len(id) >= 6:
                value = value.replace(id, f"<{named}>")
        return _UUID.sub(lambda found: uuids.setdefault(found.group().lower(), f"<id {len(uuids) + 1}>"), value)
    if isinstance(value, dict):
        return {name: _normal(each, ids, uuids) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]  # JSON
    if isinstance(value, list):
        return [_normal(each, ids, uuids) for each in value]  # pyright: ignore[reportUnknownVariableType]  # JSON
    return value


def digest(asked: Json) -> str:
    """The name of a canonical request."""
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()[:20]


def _named(asked: Json) -> str:
    return digest(_normal(asked, {}, {}))


def miss(path: Path, asked: Json, entries: Sequence[Json]) -> str:
    """What was asked beside the recorded request that is most like it."""
    entries = [entry for entry in entries if "asked" in entry]
    if not entries:
        return f"the cassette {path.name} is at its end or empty; record the rest with mode='record'"
    text = as_yaml(asked).splitlines()
    recorded = [as_yaml(entry["asked"]).splitlines() for entry in entries]
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


def read(path: Path) -> list[Json]:
    if not path.exists():
        return []
    try:
        told: Any = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        entries: list[Json] = list(told["interactions"]) if told else []
        # A request that a person has edited is the request that is meant.
        return [{**entry, "request": _named(entry["asked"])} if "asked" in entry else entry for entry in entries]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no cassette: {error}") from error


def write(path: Path, entries: Sequence[Json]) -> None:
    """At once or not at all: a reader never sees half a cassette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text(as_yaml({"version": 1, "interactions": list(entries)}), encoding="utf-8")
    beside.replace(path)


def _text(dumper: Any, text: str) -> Any:
    """Long text stands as a block, so that a person can read it."""
    style = "|" if "\n" in text and not re.search(r"[ \t]+(\n|$)|[^\S\n ]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper: Any = type("_Dumper", (getattr(yaml, "CSafeDumper", yaml.SafeDumper),), {})
_Dumper.add_representer(str, _text)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def as_yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
