"""How the demo model gets from words to values: which tool is meant, and what fills a JSON Schema.

No language is understood here. Words are compared, and numbers, dates, names and quotations are found by their form.
The same words and the same schema always give the same value, and the value always fits the schema's types, bounds
and required names (a ``pattern`` is not tried).
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from weft.messages import Json, ToolSpec

_WORD = re.compile(r"[A-Za-z][A-Za-z']*")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.\s]+")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[.,]\d+)?(?![\w])")
_SUM = re.compile(r"[-(]*\d[\d.\s()]*(?:[-+*/^%][-(\s]*\d[\d.\s()]*)+")
_QUOTED = re.compile(r"[\"“«']([^\"”»']{1,200})[\"”»'](?!\w)")
_PROPER = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w'-]*(?:\s+(?:de|of|the|and the)?\s*[A-Z][\w'-]*)*")
_PLACE = re.compile(r"\b(?:in|at|near|from|to|for|of|around)\s+((?:[A-Z][\w'-]*)(?:\s+[A-Z][\w'-]*)*)")
_LOWER_PLACE = re.compile(r"\b(?:in|at|near|for|of)\s+([a-z][\w'-]+)\W*$")
_SUBJECT = re.compile(r"\b([A-Z][\w'-]+(?:\s[A-Z][\w'-]+)*),?\s+(?:is|was|has|lives|works|wants|from)\b")
_FORMS = {
    "email": re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"),
    "uri": re.compile(r"https?://\S+"),
    "date": re.compile(r"\b\d{4}-\d{2}-\d{2}\b"),
    "time": re.compile(r"\b\d{2}:\d{2}(?::\d{2})?\b"),
}
_FIXED = {
    "email": "demo@example.com",
    "uri": "https://example.com/",
    "date": "2025-01-01",
    "time": "12:00:00",
    "date-time": "2025-01-01T12:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "duration": "PT1H",
    "ipv4": "127.0.0.1",
}
_OPERATORS = (("multiplied by", "*"), ("divided by", "/"), ("times", "*"), ("plus", "+"), ("minus", "-"), ("over", "/"))


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_STOP = _set(
    "a an and any are as at be by can could do does for from get give have how i in is it its me my of on or please "
    "run should tell that the then there this to use using want was what when where which who will with would you your"
)
_SUMMING = _set("calculate calculator compute math sum add plus minus times multiply divide arithmetic")
_LIKE = (
    _SUMMING,
    _set("weather forecast temperature rain sunny snow climate"),
    _set("time clock hour date today now day"),
    _set("search find look lookup google web"),
    _set("mail email send message write notify"),
    _set("book reserve reservation booking"),
)
_WHOLE = _set("query question text message prompt input content body request task q search sentence")
_PLACES = _set("city location place where town country region address destination timezone zone")
_PEOPLE = _set("name person user author customer guest who")
_SUMS = _set("expression formula calculation equation sum math")


def words(text: str) -> frozenset[str]:
    """The telling words of a text, cut to their stems.

    >>> sorted(words("What is the weather like in Rome? get_weather"))
    ['like', 'rome', 'weather']
    """
    parts = (part.lower() for word in _WORD.findall(text.replace("_", " ")) for part in _CAMEL.split(word))
    return frozenset(_stem(part) for part in parts if part not in _STOP and len(part) > 1)


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def matching(text: str, tools: Sequence[ToolSpec]) -> list[ToolSpec]:
    """The tools that the text asks for: the likeliest one, and up to two more that it names by other words."""
    said = words(spelled(text))
    ranked = sorted([(_score(text, said, tool), -at) for at, tool in enumerate(tools)], reverse=True)
    found: list[ToolSpec] = []
    open_words = said
    for score, at in ranked[:3]:
        tool = tools[-at]
        named = open_words & words(tool.name)
        if score >= 3 and (not found or named):
            found.append(tool)
            open_words -= named.union(*[alike for alike in _LIKE if named & alike])
        elif score >= 1 and not found and len(ranked) - [each for each, _ in ranked].count(0.0) == 1:
            found.append(tool)
    return found


def _score(text: str, said: frozenset[str], tool: ToolSpec) -> float:
    named = words(tool.name)
    score = 3.5 * len(said & named)
    if any([said & alike and named & alike for alike in _LIKE]):
        score = max(score, 3.0)
    if named & _SUMMING and _SUM.search(spelled(text)):
        score = max(score, 3.0) + ("expression" in tool.parameters.get("properties", {}))
    score += 0.5 * len((said - named) & words(tool.description))
    return score + 1.0 * len((said - named) & words(" ".join(tool.parameters.get("properties", {}))))


def spelled(text: str) -> str:
    """Sums in figures.

    >>> spelled("what is 12 times 7?")
    'what is 12 * 7?'
    """
    for spoken, sign in _OPERATORS:
        text = re.sub(rf"(?<=[\d)])\s+{spoken}\s+(?=[\d(])", f" {sign} ", text)
    return text.replace("\u00d7", "*").replace("\u00f7", "/")


@dataclass(slots=True)
class Guess:
    """Values found in a text. Each number is used once, in the order of the text."""

    text: str
    known: Json = field(default_factory=dict[str, Any])
    """Values that are known by name: of a tool's result, say."""
    _numbers: list[float] = field(init=False)
    _root: Json = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        plain = _FORMS["time"].sub(" ", _FORMS["date"].sub(" ", self.text))
        self._numbers = [float(found.replace(",", ".")) for found in _NUMBER.findall(plain)]

    def fill(self, schema: Json) -> Any:
        """A value that fits ``schema``."""
        self._root = schema
        return self._value("", schema, required=True, depth=0)

    def _value(self, name: str, schema: Any, *, required: bool, depth: int) -> Any:
        schema = self._resolved(schema)
        kind = _kind(schema)
        if name in self.known and _fits(self.known[name], kind):
            return self.known[name]
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._choice(schema["enum"], schema, required)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(name, schema, depth, required)
        if kind in ("integer", "number"):
            return self._number(schema, kind, required)
        if kind == "boolean":
            return schema.get("default", bool(re.search(r"\b(yes|true|on|with)\b", self.text, re.IGNORECASE)))
        if kind == "null":
            return None
        return self._string(name, schema, required)

    def _resolved(self, schema: Any, depth: int = 0) -> Json:
        """One plain schema: references followed, the first choice taken, all of ``allOf`` laid together."""
        if not isinstance(schema, dict) or depth > 16:
            return {}
        plain: Json = dict(schema)  # pyright: ignore[reportUnknownArgumentType]  # JSON
        if isinstance(ref := plain.pop("$ref", None), str):
            target: Any = self._root
            for step in ref.removeprefix("#/").split("/"):
                target = target.get(step, {}) if isinstance(target, dict) else {}  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # JSON
            plain = {**self._resolved(target, depth + 1), **plain}
        for choice in (plain.pop("anyOf", None), plain.pop("oneOf", None)):
            if choice:
                picked = next((each for each in choice if each.get("type") != "null"), choice[0])
                plain = {**plain, **self._resolved(picked, depth + 1)}
        for each in plain.pop("allOf", None) or ():
            plain = {**plain, **self._resolved(each, depth + 1)}
        return plain

    def _object(self, schema: Json, depth: int) -> Json:
        required = set(schema.get("required", ()))
        filled: Json = {}
        for name, inner in schema.get("properties", {}).items():
            if name not in required and depth >= 4:
                continue
            value = self._value(name, inner, required=name in required, depth=depth + 1)
            if name in required or value is not None:
                filled[name] = value
        for name in sorted(required - filled.keys()):
            filled[name] = self._value(name, {}, required=True, depth=depth + 1)
        return filled

    def _array(self, name: str, schema: Json, depth: int, required: bool) -> list[Any] | None:
        if prefix := schema.get("prefixItems"):
            return [self._value(name, each, required=True, depth=depth + 1) for each in prefix]
        items = self._resolved(schema.get("items", {}))
        least = int(schema.get("minItems", 1 if required and depth < 4 else 0))
        most = int(schema.get("maxItems", 10))
        if _kind(items) in ("integer", "number"):
            least = max(least, min(len(self._numbers), most))
        listed = self._listed() if _kind(items) == "string" and not items.get("enum") else []
        if listed:
            return [*listed, *[f"{name or 'item'} {at + 1}" for at in range(len(listed), least)]][:most]
        made = [self._value(name, items, required=True, depth=depth + 1) for _ in range(min(least, most))]
        return made if made or required else None

    def _listed(self) -> list[str]:
        """What the text enumerates: ``a, b and c``."""
        found = _QUOTED.findall(self.text)
        if found:
            return found
        run = re.search(r"([\w-]+(?:, [\w-]+)+,? and [\w-]+|[\w-]+(?:, [\w-]+)+)", self.text)
        return re.split(r",? and |, ", run.group(1)) if run else []

    def _choice(self, options: Sequence[Any], schema: Json, required: bool) -> Any:
        said = self.text.lower()
        found = next((each for each in options if str(each).lower() in said), None)
        if found is not None:
            return found
        return schema.get("default", options[0] if required else None)

    def _number(self, schema: Json, kind: str, required: bool) -> float | int | None:
        if not self._numbers and "default" in schema:
            return schema["default"]
        if not self._numbers and not required:
            return None
        value = self._numbers.pop(0) if self._numbers else 0.0
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        step = schema.get("multipleOf")
        nudge = step or (1 if kind == "integer" else 1e-3)
        if low is not None and value <= low:
            value = low + (nudge if "exclusiveMinimum" in schema else 0)
        if high is not None and value >= high:
            value = high - (nudge if "exclusiveMaximum" in schema else 0)
        if step:
            value = math.ceil((value if low is None else max(value, low)) / step) * step
        return int(value) if kind == "integer" or float(value).is_integer() else value

    def _string(self, name: str, schema: Json, required: bool) -> str | None:
        found = self._found(name, schema)
        if found is None and "default" in schema:
            return schema["default"]
        if found is None and not required:
            return None
        form = schema.get("format")
        value = found or (_FIXED[form] if form in _FIXED else self._rest() or name or "demo")
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        return value.ljust(least, ".")[: most if most is not None else len(value) + least]

    def _found(self, name: str, schema: Json) -> str | None:
        about = words(name)
        form = (
            "uri"
            if about & {"url", "link", "website"}
            else next((f for f in _FORMS if f in about), schema.get("format"))
        )
        if form in _FORMS:
            match = _FORMS[form].search(self.text)
            return match.group() if match else None
        if schema.get("format") in _FIXED:
            return None
        if about & _SUMS:
            match = _SUM.search(spelled(self.text))
            return match.group().strip() if match else None
        if quoted := _QUOTED.search(self.text):
            return quoted.group(1)
        if about & _WHOLE:
            return self.text.strip() or None
        if about & _PEOPLE and (subject := _SUBJECT.search(self.text)) and subject.group(1).lower() not in _STOP:
            return subject.group(1)
        place = _PLACE.search(self.text) or (_LOWER_PLACE.search(self.text) if about & _PLACES else None)
        if place:
            return place.group(1)
        proper = _PROPER.search(self.text)
        return proper.group() if proper and proper.group() != "I" else None

    def _rest(self) -> str:
        return self.text.strip().rstrip("?!.") or ""


def known_in(content: str) -> Json:
    """The named values of a tool's result, where it is a JSON object."""
    try:
        read: Any = json.loads(content)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON


def _kind(schema: Json) -> str:
    kind: Any = schema.get("type")
    kinds: list[Any] = list(kind) if isinstance(kind, list) else [kind]  # pyright: ignore[reportUnknownArgumentType]  # JSON
    if kinds == [None]:
        return "object" if "properties" in schema else "string"
    return str(next((each for each in kinds if each != "null"), "null"))


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    kinds: dict[str, Any] = {"string": str, "integer": int, "number": int | float, "array": list, "object": dict}
    return isinstance(value, kinds.get(kind, ()))
