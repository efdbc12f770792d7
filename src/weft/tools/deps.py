"""``Deps``: what the application gave to the run, as a typed parameter of a tool that no model sees."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, TypeAlias, TypeVar, cast, get_args, get_origin

from weft.engine.context import Context
from weft.errors import ToolFailed

D = TypeVar("D")

_MARK = "weft.deps"

Deps: TypeAlias = Annotated[D, _MARK]
"""``shop: Deps[Shop]`` is given the run's ``deps``, or the member of them that has the parameter's type.

>>> def stock(drink: str, shop: Deps[dict]) -> str: ...
"""


def takes_deps(hint: Any) -> bool:
    """Whether a parameter of this type is given ``deps``; a type that is written as text may be."""
    if isinstance(hint, str):
        return "Deps[" in hint
    return get_origin(hint) is Annotated and _MARK in get_args(hint)[1:]


def given_deps(ctx: Context[Any], tool: str, wanted: Any) -> Any:
    """The run's ``deps``, if they are of the type; else the one value in them (a dict or an object) that is.

    Raises:
        ToolFailed: there is none: the run was not given what the tool needs.
    """
    deps: Any = ctx.deps
    kind = get_origin(wanted) or wanted
    if not isinstance(kind, type) or isinstance(deps, kind):
        return deps
    found = [value for value in _members(deps) if isinstance(value, kind)]
    if len(found) == 1:
        return found[0]
    given = "none" if deps is None else type(deps).__name__
    raise ToolFailed(f"{tool} needs deps with a {kind.__name__}; this run was given {given}: run(..., deps=...)")


def _members(deps: Any) -> list[Any]:
    if isinstance(deps, Mapping):
        return list(cast("Mapping[Any, Any]", deps).values())
    if is_dataclass(deps):
        return [getattr(deps, field.name) for field in fields(deps)]
    return list(getattr(deps, "__dict__", {}).values())
