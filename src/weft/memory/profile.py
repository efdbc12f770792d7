"""What is known of a user in a schema that you give: each field has one value at a time, and a history.

A field is a memory like any other (kind ``profile``): it has sources, it is recalled first, it is erased with its user.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from weft.errors import UsageError
from weft.memory.deciding import PROFILE
from weft.memory.longterm import Memories
from weft.messages import Json
from weft.storage.memory_rows import MemoryRow, Source, Trust


class Profile:
    """A schema, and how memories fit into it.

    >>> Profile({"type": "object", "properties": {"diet": {"type": "string"}}}).fields
    ('diet',)

    Raises:
        UsageError: it is no schema of an object.
    """

    def __init__(self, schema: Any) -> None:
        self.schema = _schema(schema)
        fields: Mapping[str, Any] = self.schema.get("properties", {})
        if not fields:
            raise UsageError("a profile needs a schema with fields: a Pydantic model, a dataclass, or a JSON Schema")
        self.fields = tuple(fields)

    def changes(self) -> Json:
        """The schema of a change: any of the fields, or ``null`` for what does not hold any more."""
        properties = {name: {"anyOf": [one, {"type": "null"}]} for name, one in self.schema["properties"].items()}
        body: Json = {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
        return body | {key: self.schema[key] for key in ("$defs", "definitions") if key in self.schema}

    def check(self, changes: Mapping[str, Any]) -> None:
        """Raises: UsageError, which says what does not fit."""
        from jsonschema import Draft202012Validator  # noqa: PLC0415  # only who has a profile needs it

        validator: Any = Draft202012Validator(self.changes())
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(dict(changes))]
        if errors:
            raise UsageError("this does not fit the profile: " + "; ".join(errors[:5]))


async def read_profile(memories: Memories, *, as_of: float | None = None) -> dict[str, Any]:
    """The fields that are known, with their values; ``as_of``: those that held then."""
    rows = await memories.about(PROFILE, as_of=as_of)
    rows.sort(key=lambda row: row.trust != "tool")  # a tool's word is that of nobody else, where somebody else spoke
    told = [(row.attribute, _value(row.text)) for row in rows if row.kind == "profile"]
    return {name: value for name, value in told if value is not None}


async def change_profile(
    memories: Memories,
    profile: Profile,
    changes: Mapping[str, Any],
    *,
    at: float | None = None,
    trust: Trust = "person",
    source: Source | None = None,
) -> dict[str, Any]:
    """Write these fields, all from the same moment on; the profile as it is then.

    Raises:
        UsageError: a value does not fit its field; nothing is written.
    """
    profile.check(changes)
    for name, value in changes.items():
        text = f"{name}: {json.dumps(value, ensure_ascii=False, sort_keys=True)}"
        await memories.add(
            text, kind="profile", subject=PROFILE, attribute=name, valid_from=at, trust=trust, source=source
        )
    return await read_profile(memories)


async def profile_history(memories: Memories, field: str) -> Sequence[tuple[float, float | None, Any]]:
    """Since when, until when, and what: every value that the field had, oldest first."""
    rows = await memories.known(PROFILE, field)
    return [(row.valid_from, row.valid_to, _value(row.text)) for row in rows if row.kind == "profile"]


def over(row: MemoryRow) -> bool:
    """Whether it only says that a field holds no more."""
    return row.kind == "profile" and row.text.partition(": ")[2] == "null"


def _value(text: str) -> Any:
    """``None`` too where it is none: another program may have written it."""
    try:
        return json.loads(text.partition(": ")[2])
    except ValueError:
        return None


def _schema(given: Any) -> Json:
    if isinstance(given, Mapping):
        return dict(given)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # the user's JSON
    from pydantic import TypeAdapter  # noqa: PLC0415  # heavy, and only typed profiles need it

    try:
        return TypeAdapter(given).json_schema()
    except Exception as error:  # Pydantic raises many kinds for what it cannot describe
        raise UsageError(f"profile={given!r} has no JSON Schema: {error}") from error
