"""Typed outputs: a type becomes a schema, an answer becomes a value, a mistake becomes words for the model."""

import json
import re
from collections.abc import Mapping
from typing import Any, Protocol, cast

from weft.errors import OutputInvalid, UsageError
from weft.messages import Json, Message, Text
from weft.models.base import OutputSchema
from weft.models.shape import FINAL

_FENCED = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)


class Output(Protocol):
    """What a run of an agent gives."""

    schema: OutputSchema | None

    def parse(self, message: Message) -> Any:
        """Raises: OutputInvalid; its message tells the model what is wrong."""
        ...


class Plain:
    """The words of the last message."""

    schema: OutputSchema | None = None

    def parse(self, message: Message) -> str:
        return message.text


class _Typed:
    """A Python type: a Pydantic model, a dataclass, a list of them, a number ..."""

    def __init__(self, of: Any) -> None:
        from pydantic import TypeAdapter  # noqa: PLC0415  # heavy, and only typed agents need it

        self._adapter: TypeAdapter[Any] = TypeAdapter(of)
        self._wrapped, schema = _as_object(self._adapter.json_schema())
        self.schema: OutputSchema | None = OutputSchema(name=_name(of), schema=schema)

    def parse(self, message: Message) -> Any:
        from pydantic import ValidationError  # noqa: PLC0415

        given = _unwrapped(_json(message), self._wrapped)
        try:
            return self._adapter.validate_json(json.dumps(given))
        except ValidationError as error:
            raise OutputInvalid(_complaint(error.errors(include_url=False, include_input=False))) from error


class _Schema:
    """A JSON Schema: the output stays JSON."""

    def __init__(self, schema: Json) -> None:
        from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415

        try:
            Draft202012Validator.check_schema(schema)  # pyright: ignore[reportUnknownMemberType]  # untyped library
        except SchemaError as error:
            raise UsageError(f"output= is not a JSON Schema: {error.message}") from error
        self._validator: Any = Draft202012Validator(schema)
        self._wrapped, shaped = _as_object(schema)
        self.schema: OutputSchema | None = OutputSchema(name=str(schema.get("title", "output")), schema=shaped)

    def parse(self, message: Message) -> Any:
        given = _unwrapped(_json(message), self._wrapped)
        errors = [f"{error.json_path}: {error.message}" for error in self._validator.iter_errors(given)]
        if errors:
            raise OutputInvalid("; ".join(errors[:5]))
        return given


def output(of: Any) -> Output:
    """How an agent with this ``output=`` answers: ``str``, a type, or a JSON Schema as a dict.

    Raises:
        UsageError: it is none of these.
    """
    if of is str:
        return Plain()
    if isinstance(of, dict):
        return _Schema(cast("Json", of))
    try:
        return _Typed(of)
    except Exception as error:  # Pydantic raises many kinds for what it cannot describe
        raise UsageError(f"output={of!r} has no JSON Schema: {error}") from error


def instructions_for(schema: OutputSchema) -> str:
    """The output as words, for models that know neither."""
    return f"Answer with JSON only, no other words, matching this JSON Schema:\n{json.dumps(schema.schema)}"


def correction(error: OutputInvalid) -> Message:
    """What the model is told when its answer does not fit."""
    words = f"That answer does not fit the output schema: {error}. Answer again, with JSON that fits, and nothing else."
    return Message(role="user", parts=(Text(words),), author="weft")


def _json(message: Message) -> Any:
    """The JSON in a message, or in its call of the final tool."""
    for call in message.tool_calls:
        if call.name == FINAL and call.invalid is None:
            return call.arguments
    text = message.text
    fenced = _FENCED.match(text)
    try:
        return json.loads(fenced.group(1) if fenced else text)
    except ValueError as error:
        raise OutputInvalid(f"it is not JSON ({error})") from error


def _as_object(schema: Json) -> tuple[bool, Json]:
    """Providers want an object at the top: anything else goes into one, as ``value``."""
    if schema.get("type") == "object" or "$ref" in schema:
        return False, schema
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    shaped: Json = {
        "type": "object",
        "properties": {"value": inner},
        "required": ["value"],
        "additionalProperties": False,
    }
    return True, {**shaped, "$defs": schema["$defs"]} if "$defs" in schema else shaped


def _unwrapped(given: Any, wrapped: bool) -> Any:
    if wrapped and isinstance(given, Mapping):
        fields = cast("Mapping[str, Any]", given)
        return fields["value"] if list(fields) == ["value"] else fields
    return given


def _name(of: Any) -> str:
    name = getattr(of, "__name__", "") or "output"
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64]


def _complaint(errors: Any) -> str:
    lines = [f"{'.'.join(str(key) for key in error['loc']) or 'the value'}: {error['msg']}" for error in errors[:8]]
    return "; ".join(lines)
