"""Values of a state to bytes and back, without pickle: plain data, and objects that are made of their fields.

What names a class is its module and name. A class is found only in a module that the program has imported already, so
that what is stored can never import or run anything; a class that was defined inside a function is known while the
process lives.
"""

import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from weft.errors import StateError

KIND = "weft"
_MARK = "\x00"
_seen: WeakValueDictionary[str, type] = WeakValueDictionary()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_PLAIN = (str, int, float, bool, bytes, type(None))
_BY_TEXT: dict[type, Any] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    UUID: UUID,
    Decimal: Decimal,
}
_MANY: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset, "deque": deque}


def dumps(value: Any) -> tuple[str, bytes]:
    """Raises: StateError (something in it cannot be stored)."""
    return KIND, _encode(_down(value, "state"))


def loads(body: tuple[str, bytes]) -> Any:
    return _up(_decode(body[1]))


def _down(value: Any, where: str) -> Any:
    kind = type(cast("object", value))
    if kind in _PLAIN:
        return value if kind is not int or -(2**63) <= value < 2**64 else [_MARK, "int", str(value)]
    if kind is list:
        inner = [_down(one, f"{where}[{i}]") for i, one in enumerate(value)]
        return [_MARK, "list", inner] if inner and inner[0] == _MARK else inner
    if kind is dict:
        if all(type(key) is str for key in value):
            return {key: _down(one, f"{where}.{key}") for key, one in value.items()}
        return [_MARK, "dict", [[_down(key, where), _down(one, where)] for key, one in value.items()]]
    if kind.__name__ in _MANY and _MANY[kind.__name__] is kind:
        return [_MARK, kind.__name__, [_down(one, where) for one in value]]
    return _object(value, kind, where)


def _object(value: Any, kind: type, where: str) -> Any:
    if isinstance(value, Enum):
        return [_MARK, "enum", _named(kind), _down(value.value, where)]
    if kind in _BY_TEXT:
        return [_MARK, "text", kind.__name__, value.isoformat() if hasattr(value, "isoformat") else str(value)]
    if isinstance(value, timedelta):
        return [_MARK, "timedelta", value.total_seconds()]
    if isinstance(value, PurePath):
        return [_MARK, "path", _named(kind), str(value)]
    if isinstance(value, BaseException):
        return [_MARK, "error", _named(kind), [_down(one, where) for one in value.args]]
    if (parts := _fields(value, kind)) is not None:
        return [_MARK, "object", _named(kind), {key: _down(one, f"{where}.{key}") for key, one in parts.items()}]
    if isinstance(value, Mapping):
        return _down(dict(cast("Mapping[Any, Any]", value)), where)
    if isinstance(value, tuple):
        return [_MARK, "named", _named(kind), [_down(one, where) for one in cast("tuple[Any, ...]", value)]]
    if isinstance(value, _PLAIN):
        return _down(value.__class__.__mro__[1](value), where)
    raise StateError(
        f"{where} is of type {kind.__qualname__!r}, which cannot be stored; keep data there, and give live objects "
        "to the run as context"
    )


def _fields(value: Any, kind: type) -> dict[str, Any] | None:
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    if _is_model(kind):
        names: Any = cast("Any", kind).model_fields
        return {
            name: getattr(value, name) for name in names if name in value.model_fields_set or name in ("type", "id")
        }
    return None


def _is_model(kind: type) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(kind, pydantic.BaseModel)


def _named(kind: type) -> str:
    name = f"{kind.__module__}:{kind.__qualname__}"
    if "<locals>" in name:
        _seen[name] = kind
    return name


def _class(name: str) -> type:
    if (kind := _seen.get(name)) is not None:
        return kind
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or not (_makeable(found)):
        raise StateError(f"the class {name!r} of a stored value is not here: import what defines it first")
    return cast("type[Any]", found)


def _makeable(kind: type) -> bool:
    """Whether making one of its fields does no more than that."""
    data: tuple[type[Any], ...] = (Enum, msgspec.Struct, BaseException, tuple, PurePath)
    return _is_model(kind) or is_dataclass(kind) or issubclass(kind, data)


def _up(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _up(one) for key, one in cast("dict[str, Any]", value).items()}
    if not isinstance(value, list):
        return value
    items = cast("list[Any]", value)
    if not items or items[0] != _MARK:
        return [_up(one) for one in items]
    return _marked(items[1], items[2:])


def _marked(kind: str, rest: list[Any]) -> Any:
    match kind, rest:
        case "int", [text]:
            return int(text)
        case "list", [inner]:
            return [_up(one) for one in inner]
        case "dict", [pairs]:
            return {_up(key): _up(one) for key, one in pairs}
        case "text", [name, text]:
            return next(make for of, make in _BY_TEXT.items() if of.__name__ == name)(text)
        case "timedelta", [seconds]:
            return timedelta(seconds=seconds)
        case "enum" | "path", [name, inner]:
            return cast("Any", _class(name))(_up(inner))
        case "error", [name, args]:
            return _error(name, [_up(one) for one in args])
        case "named", [name, inner]:
            of: Any = _class(name)
            items = [_up(one) for one in inner]
            return of(*items) if hasattr(of, "_fields") else of(items)
        case "object", [name, parts]:
            return _made(_class(name), {key: _up(one) for key, one in parts.items()})
        case _:
            return _MANY[kind](_up(one) for one in rest[0])


def _error(name: str, args: list[Any]) -> BaseException:
    try:
        kind = _class(name)
        return kind(*args) if issubclass(kind, BaseException) else Exception(*args)
    except Exception:  # an error that cannot be made again is told by its words
        return Exception(*args)


def _made(kind: type[Any], parts: dict[str, Any]) -> Any:
    if _is_model(kind):
        return kind.model_construct(**parts) if not hasattr(kind, "lc_id") else kind(**parts)
    return kind(**parts)
