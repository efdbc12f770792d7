"""The JSON Schemas of what a graph takes and gives."""

import types
from dataclasses import MISSING, fields, is_dataclass
from inspect import isclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import Field, TypeAdapter, create_model


def json_schema(of: Any, title: str) -> dict[str, Any]:
    """``title`` is for what has no name of its own. Fields of a dataclass that may be ``None`` can be left out."""
    if isclass(of) and is_dataclass(of):
        return _model_of(of, title).model_json_schema()
    made = TypeAdapter(of).json_schema()
    made.setdefault("title", title)
    return made


def _model_of(of: Any, title: str) -> Any:
    hints = get_type_hints(of, include_extras=True)
    parts: dict[str, Any] = {}
    for one in fields(of):
        default: Any = one.default
        if one.default_factory is not MISSING:
            default = Field(default_factory=one.default_factory)
        elif default is MISSING:
            default = None if _optional(hints[one.name]) else ...
        parts[one.name] = (hints[one.name], default)
    return create_model(title, **parts)


def _optional(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)
