"""What fits a question: schemas from types, answers checked when they are given and typed when they are returned."""

import dataclasses
import json
from functools import lru_cache
from typing import Any, cast

import msgspec

from weft.engine.channels import UNSET
from weft.errors import AnswerInvalid, UsageError

MOST = 5
"""Problems named in one complaint."""


def schema_of(schema: Any) -> dict[str, Any] | None:
    """The JSON Schema of what ``Context.ask`` was given: itself, or that of a type.

    Raises:
        UsageError: it is neither, or no valid one.

    >>> schema_of(bool)
    {'type': 'boolean'}
    """
    if schema is None:
        return None
    if isinstance(schema, dict):
        _see_schema(msgspec.json.encode(schema, enc_hook=_plain, order="sorted"))
        return cast("dict[str, Any]", schema)
    try:
        if _is_struct(schema):
            return msgspec.json.schema(schema)
        return _adapter(schema).json_schema()
    except Exception as error:  # Pydantic raises many kinds for what it cannot describe
        raise UsageError(f"schema={schema!r} has no JSON Schema: {error}") from error


@lru_cache(maxsize=256)
def _see_schema(schema: bytes) -> None:
    """Raises: UsageError, where nothing could ever be held to it."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415  # only where somebody asks

    try:
        Draft202012Validator.check_schema(json.loads(schema))
    except SchemaError as error:
        raise UsageError(f"schema= is no JSON Schema: at {error.json_path}, {error.message[:200]}") from None


def see_asked(id: str, schema: Any, seconds: Any, default: Any) -> None:
    """Whether a question can be put like this.

    Raises:
        UsageError: its schema is none, its time is no time, or its default would not be taken as an answer.
    """
    wanted = schema_of(schema)
    if seconds is not None and not (isinstance(seconds, int | float) and seconds >= 0):
        raise UsageError(f"question {id!r} expires in a number of seconds, 0 or more, not {seconds!r}")
    if default is UNSET:
        return
    if seconds is None:
        raise UsageError(f"question {id!r} has a default, and waits for ever: say expires= too")
    if wanted is not None:
        try:
            check(id, msgspec.json.encode(wanted, enc_hook=_plain), canonical(default))
        except AnswerInvalid as error:
            raise UsageError(f"the default of a question is an answer to it: {error}") from None


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
        f"at {error.json_path}, {error.message[:200]}"
        for found in _validator(schema).iter_errors(json.loads(answer))
        for error in _nearest(found)
    ]
    if problems:
        more = f"; and {len(problems) - MOST} more" if len(problems) > MOST else ""
        raise AnswerInvalid(f"the answer to {id!r} does not fit: {'; '.join(problems[:MOST])}{more}")


def _nearest(error: Any) -> list[Any]:
    """What is wrong; of several forms that an answer may have, with those of its own kind."""
    within = [one for one in error.context or () if one.validator != "type" or one.relative_path]
    return within or [error]


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
