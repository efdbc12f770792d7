"""From a state class to channels: ``TypedDict``, dataclass or Pydantic model, with reducers in ``Annotated``."""

import collections.abc
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from inspect import isclass
from typing import Annotated, Any, NotRequired, Required, TypeAlias, cast, get_args, get_origin, get_type_hints
from typing import is_typeddict as is_typeddict

import msgspec
from msgspec import UNSET as NOT_GIVEN
from msgspec import Struct

from weft.engine.channels import Barrier, BinaryOperatorAggregate, Channel, Ephemeral, LastValue, Overwrite, Topic
from weft.errors import GraphError

View: TypeAlias = Callable[[Mapping[str, Any]], Any]

_EMPTY: dict[Any, Callable[[], Any]] = {
    list: list,
    dict: dict,
    set: set,
    frozenset: frozenset,
    tuple: tuple,
    int: int,
    float: float,
    str: str,
    bool: bool,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Mapping: dict,
    collections.abc.MutableMapping: dict,
    collections.abc.Set: set,
    collections.abc.MutableSet: set,
}
"""Where a reducer of such a type begins, when nothing was written yet."""


_TOLD = {Barrier: 'Barrier(frozenset({"a", "b"}))', BinaryOperatorAggregate: "BinaryOperatorAggregate(operator.add)"}


class Schema(Struct, frozen=True):
    """One state class: its channels, and how a node sees the values."""

    type: Any
    channels: Mapping[str, Channel]
    view: View | None
    """``None`` where the values are seen as they are, read-only."""

    def narrow(self) -> View:
        """A view that shows the fields of this class only."""
        if self.view is not None:
            return self.view
        names = tuple(self.channels)
        return lambda values: {name: values[name] for name in names if name in values}


def schema_of(state: Any) -> Schema:
    """What ``state`` means.

    Raises:
        GraphError: this is not a state class, or an annotation in it does not resolve.
    """
    if not is_state(state):
        raise GraphError(f"the state of a graph is a TypedDict, a dataclass or a Pydantic model, not {state!r}")
    try:
        hints = get_type_hints(state, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise GraphError(f"an annotation of state {state.__name__} does not resolve: {error}") from error
    if is_model(state):
        hints = {name: hint for name, hint in hints.items() if name in state.model_fields}
    elif is_dataclass(state):
        hints = {field.name: hints[field.name] for field in fields(state)}
    return Schema(state, {name: _channel(name, hint) for name, hint in hints.items()}, _view(state))


def is_state(given: Any) -> bool:
    """Whether it is a class that a state can have."""
    return isclass(given) and (is_typeddict(given) or is_dataclass(given) or is_model(given))


def is_model(given: Any) -> bool:
    """Whether it is a Pydantic model's class."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isclass(given) and issubclass(given, pydantic.BaseModel)


def _channel(name: str, hint: Any) -> Channel:
    origin = get_origin(hint)
    if origin in (Required, NotRequired):
        return _channel(name, get_args(hint)[0])
    if origin is not Annotated:
        return LastValue(hint)
    of, *extras = get_args(hint)
    if get_origin(of) in (Required, NotRequired):
        of = get_args(of)[0]
    found = (_said(name, of, extra) for extra in extras)
    return next((channel for channel in found if channel is not None), LastValue(of))


def _said(name: str, of: Any, extra: Any) -> Channel | None:
    """The channel that one annotation asks for; ``None`` where it is about something else."""
    if extra is Topic:
        return Topic((get_args(of) or (Any,))[0])
    if extra in (LastValue, Ephemeral):
        return extra(of)
    if extra in (Barrier, BinaryOperatorAggregate):
        raise GraphError(f"field {name!r}: {extra.__name__} needs to be told what it is for: {_TOLD[extra]}")
    if isclass(extra):
        return None
    if hasattr(extra, "merge") and hasattr(extra, "stored"):
        return _typed(cast("Channel", extra), of)
    if not callable(extra):
        return None
    _see_reducer(name, extra)
    return BinaryOperatorAggregate(extra, of, _EMPTY.get(get_origin(of) or of))


def _see_reducer(name: str, reducer: Any) -> None:
    """Raises: GraphError, where it cannot be called with a value and an update."""
    try:
        signature = inspect.signature(reducer)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise GraphError(f"the reducer of field {name!r} is called with (value, update): {error}") from None


def _typed(channel: Channel, of: Any) -> Channel:
    """The channel, with the type that the field declares, where it has none."""
    match channel:
        case LastValue(of=inner) | Ephemeral(of=inner) if inner is Any:
            return type(channel)(of)
        case BinaryOperatorAggregate(fold=fold, of=inner, start=start) if inner is Any:
            return BinaryOperatorAggregate(fold, of, start or _EMPTY.get(get_origin(of) or of))
        case Topic(item=item) if item is Any:
            return Topic((get_args(of) or (Any,))[0])
        case _:
            return channel


def _view(state: Any) -> View | None:
    """How a node sees the values.

    Raises:
        GraphError: when called, where a field has neither a value nor a default, or a value does not fit.
    """
    if is_typeddict(state):
        return None
    if is_model(state):
        return _validated(state)
    defaults = {
        field.name: field.default is not MISSING or field.default_factory is not MISSING for field in fields(state)
    }

    def view(values: Mapping[str, Any]) -> Any:
        known = {name: value for name, value in values.items() if name in defaults}
        missing = [name for name, default in defaults.items() if name not in known and not default]
        if missing:
            raise GraphError(f"state {state.__name__} has no value for {missing} yet; give the fields a default")
        return state(**known)

    return view


def _validated(state: Any) -> View:
    pydantic = sys.modules["pydantic"]
    names = frozenset(state.model_fields)

    def view(values: Mapping[str, Any]) -> Any:
        try:
            return state.model_validate({name: value for name, value in values.items() if name in names})
        except pydantic.ValidationError as error:
            raise GraphError(f"what is in the state is not a valid {state.__name__}: {error}") from error

    return view


def as_writes(given: Any, known: Mapping[str, Channel], where: str) -> dict[str, Any]:
    """What a node returned, or a caller gave, as writes.

    Raises:
        GraphError: it is neither a mapping nor an instance of a state class.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return _itemised(dict(cast("Mapping[str, Any]", given)), known)
    if is_dataclass(given) and not isinstance(given, type):
        found = {field.name: getattr(given, field.name) for field in fields(given) if field.name in known}
        return _itemised(found, known)
    if is_model(type(given)):
        return _itemised(_written(given, known), known)
    raise GraphError(f"{where} gave {type(given).__name__}; a dict of state fields is wanted, or nothing")


def _written(model: Any, known: Mapping[str, Channel]) -> dict[str, Any]:
    """The fields of a Pydantic model that say something: those that were set, and those that are not ``None``."""
    said: dict[str, Any] = {}
    declared: Mapping[str, Any] = cast("Any", type(model)).model_fields
    for name in declared:
        value = getattr(model, name, NOT_GIVEN)
        if name in known and (name in model.model_fields_set or value is not None):
            said[name] = value
    return said


def _itemised(writes: dict[str, Any], known: Mapping[str, Channel]) -> dict[str, Any]:
    """With a single item for a ``Topic`` as a list of one."""
    for name, value in writes.items():
        if isinstance(known.get(name), Topic) and not isinstance(value, list | tuple | Overwrite):
            writes[name] = [value]
    return writes


def typed(value: Any, of: Any) -> Any:
    """JSON from outside in the declared type; what has it already stays as it is."""
    given: Any = value
    if not isinstance(value, dict | list):
        return given
    try:
        return msgspec.convert(given, of)
    except (msgspec.ValidationError, TypeError):
        return given
