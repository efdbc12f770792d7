"""What a model is told when its arguments are wrong: each by name, what it gave, and what is wanted."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from weft.messages import Json

MOST = 6
"""Problems named in one complaint."""
LONGEST = 80
"""Characters of a given value, or of a description, that are repeated."""


def complaint(problems: Sequence[Mapping[str, Any]], given: Json, schema: Json) -> str:
    """Words for the model, from Pydantic's ``errors()``, the arguments and the tool's JSON Schema.

    >>> complaint([{"type": "missing", "loc": ("to",)}], {}, {"properties": {"to": {"type": "string"}}})
    'Wrong arguments:\\n- to: missing; wanted string'
    """
    lines = list(dict.fromkeys(_line(problem, given, schema) for problem in problems))
    more = [f"- and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return "\n".join(["Wrong arguments:", *lines[:MOST], *more])


def _line(problem: Mapping[str, Any], given: Json, schema: Json) -> str:
    kind, where = problem["type"], _where(problem, given)
    if kind == "missing":
        return f"- {where}: missing{_wanted(problem['loc'], schema)}"
    if kind == "extra_forbidden":
        known = ", ".join(schema.get("properties", {})) if len(problem["loc"]) == 1 else ""
        return f"- {where}: there is no such argument" + (f"; there is {known}" if known else "")
    words = problem["msg"].removeprefix("Value error, ")
    words = words[:1].lower() + words[1:]
    return f"- {where}: given {_shown(problem['input'])}; {words.replace('input should', 'it should')}"


def _where(problem: Mapping[str, Any], given: Json) -> str:
    """The path into what was given: Pydantic's has names of union members between, which nobody wrote."""
    path: list[str] = []
    value: Any = given
    *above, last = problem["loc"] or ("arguments",)
    for key in above:
        if _has(value, key):
            path.append(str(key))
            value = value[key]
    if problem["type"] == "missing" or _has(value, last):
        path.append(str(last))
    return ".".join(path) or "arguments"


def _has(value: Any, key: str | int) -> bool:
    if isinstance(key, int):
        return isinstance(value, list) and key < len(cast("list[Any]", value))
    return isinstance(value, dict) and key in value


def _wanted(loc: Sequence[Any], schema: Json) -> str:
    """``; wanted string (the city)``, of an argument at the top."""
    wanted: Json = schema.get("properties", {}).get(loc[0], {}) if len(loc) == 1 else {}
    words = _cut(wanted.get("description", ""))
    if "$ref" in wanted:
        wanted = schema["$defs"][wanted["$ref"].rpartition("/")[2]]
    kind = _shown(wanted["enum"]) if "enum" in wanted else wanted.get("type", "")
    if kind and words:
        return f"; wanted {kind} ({words})"
    return f"; wanted {kind or words}" if kind or words else ""


def _shown(value: Any) -> str:
    return _cut(msgspec.json.encode(value, enc_hook=repr).decode())


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
