"""What fits a question: schemas from types, answers checked when they are given and typed when they are returned."""

import dataclasses
import json
from functools import lru_cache
from typing import Any, cast

import msgspec

from weft.errors import AnswerInvalid, UsageError

MOST = 5
"""Problems named in one complaint."""


def schema_of(schema: Any) -> dict[str, Any] | None:
    """The JSON Schema of what ``Context.ask`` was given: itself, or that of a type.

    Raises:
        UsageError: it is neither.

    >>> schema_of(bool)
    {'type': 'boolean'}
    """
    if schema is None or isinstance(schema, dict):
        return cast("dict[str, Any] | None", schema)
    try:
        if _is_struct(schema):
            return msgspec.json.schema(schema)
        return _adapter(schema).json_schema()
    except Exception as error:  # Pydantic raises many kinds for what it cannot describe
        raise UsageError(f"schema={schema!r} has no JSON Schema: {error}") from error


def typed(schema: Any, body: bytes, id: str) -> Any:
    """The answer on record, in the type that was asked for.

    Raises:
        AnswerInvalid: it does not fit (the type's own rules may ask more than its JSON Schema says).
    """
    if schema is None or isinstance(schema, dict):
        return json.loads(body)
    try:
        if _is_struct(schema):
            return msgspec.json.decode(body, type=schema)
        return _adapter(schema).validate_json(body)
    except ValueError as error:
        raise AnswerInvalid(f"the answer to {id!r} does not fit: {error}") from error


def canonical(answer: Any) -> bytes:
    """JSON that is the same for equal answers.

    Raises:
        AnswerInvalid: it has no JSON form.

    >>> canonical({"b": 1, "a": [True]})
    b'{"a":[true],"b":1}'
    """
    try:
        return msgspec.json.encode(answer, enc_hook=_plain, order="sorted")
    except (TypeError, ValueError, NotImplementedError, RecursionError) as error:
        raise AnswerInvalid(f"the answer cannot be stored: {error}") from error


def check(id: str, schema: bytes | None, answer: bytes) -> None:
    """Whether an answer fits the JSON Schema of its question.

    Raises:
        AnswerInvalid: it does not; the message names each place.

    >>> check("q", b'{"type": "object", "properties": {"n": {"type": "integer"}}}', b'{"n": "two"}')
    Traceback (most recent call last):
    weft.errors.AnswerInvalid: the answer to 'q' does not fit: at $.n, 'two' is not of type 'integer'
    """
    if schema is None:
        return
    problems = [
        f"at {error.json_path}, {error.message[:200]}" for error in _validator(schema).iter_errors(json.loads(answer))
    ]
    if problems:
        more = f"; and {len(problems) - MOST} more" if len(problems) > MOST else ""
        raise AnswerInvalid(f"the answer to {id!r} does not fit: {'; '.join(problems[:MOST])}{more}")


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # only where somebody answers

    return Draft202012Validator(json.loads(schema))


@lru_cache(maxsize=256)
def _adapter(of: Any) -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415  # heavy, and only typed questions need it

    return TypeAdapter(of)


def _is_struct(of: Any) -> bool:
    return isinstance(of, type) and issubclass(of, msgspec.Struct)


def _plain(value: Any) -> Any:
    """What msgspec does not know: Pydantic models, which come as they are given."""
    dump = getattr(value, "model_dump", None)
    if dump is None or dataclasses.is_dataclass(value):
        raise NotImplementedError(f"a {type(value).__qualname__} has no JSON form")
    return dump(mode="json")
