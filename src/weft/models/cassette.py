"""Cassettes: YAML files that a person can read and edit. What was asked of a model, and what it said, piece by piece.

Requests are found by their content. Ids and times differ from run to run, so they are counted instead of compared; keys
and personal data are never written, and stand-ins are counted in their place, so that a replay finds what was recorded.
"""

import difflib
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from weft.errors import UsageError
from weft.messages import Json
from weft.models.base import Answer, Request

_SECRET = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|key)-[A-Za-z0-9_-]{12,}|\bAIza[\w-]{20,}|\bgh[pousr]_\w{20,}|\beyJ[\w-]{10,}\.[\w-]+\.[\w-]+"
    r"|\bxox[abprs]-[\w-]{10,}|\bAKIA[0-9A-Z]{16}|(?<=Bearer )[\w.~+/-]{8,}"
)
_SECRET_NAME = re.compile(r"(api[-_]?key|authorization|secret|password|token|cookie|credential)s?$", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?")
_OUR_ID = re.compile(r"\b([a-z]+)_[0-9a-hjkmnp-tv-z]{21}\b")
_HIDDEN = "<hidden>"
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_PHONE = re.compile(r"(?<![\w+])\+\d[\d ().-]{7,18}\d(?!\w)")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w.-])")


class Persons:
    """Stand-ins for mail addresses, telephone numbers and card numbers: the same one for the same one.

    >>> Persons().hide({"to": "ada@b.org", "cc": ["bob@b.org", "ada@b.org"], "call": "+44 20 7946 0958"})
    {'to': 'person1@example.com', 'cc': ['person2@example.com', 'person1@example.com'], 'call': '+10000000003'}
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def hide(self, value: Any) -> Any:
        """The same value without them."""
        if isinstance(value, str):
            value = _EMAIL.sub(self._named("person{}@example.com"), value)
            value = _PHONE.sub(self._named("+1{:010}"), value)
            return _CARD.sub(lambda found: self._card(found) if _is_card(found.group()) else found.group(), value)
        if isinstance(value, dict):
            return {name: self.hide(inner) for name, inner in value.items()}  # pyright: ignore[reportUnknownVariableType]  # JSON
        if isinstance(value, list):
            return [self.hide(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]  # JSON
        return value

    def _named(self, form: str) -> Callable[[re.Match[str]], str]:
        return lambda found: self._known.setdefault(found.group(), form.format(len(self._known) + 1))

    def _card(self, found: re.Match[str]) -> str:
        return self._known.setdefault(found.group(), "4242424242424242")


def _is_card(digits: str) -> bool:
    """By Luhn's check digit (ISO/IEC 7812-1).

    >>> _is_card("4111 1111 1111 1111"), _is_card("4111 1111 1111 1112")
    (True, False)
    """
    numbers = [int(digit) for digit in reversed(digits) if digit.isdigit()]
    doubled = [number * 2 - 9 * (number > 4) for number in numbers[1::2]]
    return (sum(numbers[::2]) + sum(doubled)) % 10 == 0


class Cassette:
    """The entries of one file. Any number of models and runs may use it at once."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        """``fresh`` forgets what is on it."""
        self.path = path
        self.entries: list[Json] = [] if fresh else read(path)
        self._given: dict[tuple[str, str | None], int] = {}

    def found(self, asked: Json, model: str | None, *, again: bool) -> Json | None:
        """The next entry for what is asked (of ``model``) that was not given yet; ``again``: or the last once more."""
        following = [entry for entry in self.entries if entry["request"] == _IN_ORDER]
        given = self._given.get((_IN_ORDER, None), 0)
        if given < len(following):
            self._given[_IN_ORDER, None] = given + 1
            return following[given]
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


_IN_ORDER = "in order"
"""In the place of a request: the entry answers whatever comes next. Made from runs, whose requests are not stored."""


def in_order(model: str, said: Json) -> Json:
    """An entry that answers the next request, whatever it is."""
    return {"request": _IN_ORDER, "model": model, **said}


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
    return _normal((persons or Persons()).hide(hidden(kept)), ids)


def plain(value: Request | Answer) -> Json:
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
        return [{**entry, "request": digest(entry["asked"])} if "asked" in entry else entry for entry in entries]
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
