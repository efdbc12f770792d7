"""From a state class to channels: ``TypedDict`` or dataclass, with reducers in ``Annotated``."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, NotRequired, Required, cast, get_args, get_origin, get_type_hints, is_typeddict

from weft.engine.channels import BinaryOperatorAggregate, Channel, LastValue
from weft.errors import GraphError

_EMPTY: dict[Any, Callable[[], Any]] = {
    list: list,
    dict: dict,
    set: set,
    tuple: tuple,
    int: int,
    float: float,
    str: str,
}
"""Where a reducer of such a type begins, when nothing was written yet."""


def channels_of(state: Any) -> dict[str, Channel]:
    """The channel of every field of ``state``.

    ``Annotated[T, fn]`` folds with ``fn``; ``Annotated[T, channel]`` is that channel; anything else keeps
    the last value.

    Raises:
        GraphError: this is not a state class.
    """
    if not (is_typeddict(state) or is_dataclass(state)):
        raise GraphError(f"the state of a graph is a TypedDict or a dataclass, not {state!r}")
    return {name: _channel(hint) for name, hint in get_type_hints(state, include_extras=True).items()}


def _channel(hint: Any) -> Channel:
    origin = get_origin(hint)
    if origin in (Required, NotRequired):
        return _channel(get_args(hint)[0])
    if origin is not Annotated:
        return LastValue(hint)
    of, *extras = get_args(hint)
    for extra in extras:
        if hasattr(extra, "merge") and hasattr(extra, "stored"):
            return cast("Channel", extra)
        if callable(extra):
            return BinaryOperatorAggregate(extra, of, _EMPTY.get(get_origin(of) or of))
    return LastValue(of)


def view_of(state: Any) -> Callable[[Mapping[str, Any]], Any] | None:
    """How a node sees the values: ``None`` for a ``TypedDict`` (as they are, read-only), else as an instance.

    Raises:
        GraphError: when called, where a field has neither a value nor a default.
    """
    if is_typeddict(state):
        return None
    defaults = _defaults(state)

    def view(values: Mapping[str, Any]) -> Any:
        known = {name: value for name, value in values.items() if name in defaults}
        missing = [name for name, default in defaults.items() if name not in known and default is None]
        if missing:
            raise GraphError(f"state {state.__name__} has no value for {missing} yet; give the fields a default")
        return state(**known)

    return view


def _defaults(state: Any) -> dict[str, Any]:
    """For each field something that is not ``None`` where it has a default."""
    return {
        field.name: None if field.default is MISSING and field.default_factory is MISSING else field
        for field in fields(state)
    }


def as_writes(given: Any, known: Mapping[str, Channel], where: str) -> dict[str, Any]:
    """What a node returned, or a caller gave, as writes.

    Raises:
        GraphError: it is neither a mapping nor an instance of the state.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return dict(cast("Mapping[str, Any]", given))
    if is_dataclass(given) and not isinstance(given, type):
        return {field.name: getattr(given, field.name) for field in fields(given) if field.name in known}
    raise GraphError(f"{where} gave {type(given).__name__}; a dict of state fields is wanted, or nothing")
