"""From state classes to channels of the engine, and from values to what a node sees: LangGraph's rules for both."""

import inspect
from collections import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, ClassVar, NotRequired, Required, cast, get_args, get_origin, get_type_hints

from msgspec import Struct

from weft.engine.channels import UNSET, Barrier, Channel, Stored
from weft.langgraph.errors import InvalidUpdateError
from weft.langgraph.managed import ManagedValue, Steps
from weft.langgraph.words import Overwrite

_CONCRETE: dict[Any, Any] = {
    abc.Sequence: list, abc.MutableSequence: list, abc.Set: set, abc.MutableSet: set,
    abc.Mapping: dict, abc.MutableMapping: dict,
}  # fmt: skip


def _start(of: Any) -> Callable[[], Any] | None:
    """What makes the value that the first write is folded into: the type itself, where it needs nothing for that."""
    while get_origin(of) in (Required, NotRequired, Annotated):
        of = get_args(of)[0]
    kind = get_origin(of) or of
    kind = _CONCRETE.get(kind, kind)
    if not callable(kind):
        return None
    try:
        kind()
    except Exception:  # of whatever kind: it cannot be made of nothing
        return None
    return cast("Callable[[], Any]", kind)


class Many(tuple[Any, ...]):
    """Several writes of one node to one channel in one step."""

    __slots__ = ()


class _Rule(Struct, frozen=True):
    key: str
    of: Any = Any
    stored: ClassVar[Stored] = "value"
    passing: ClassVar[bool] = False

    @property
    def takes(self) -> Any:
        return Any

    def ready(self, value: Any) -> bool:
        return True

    def woken(self, value: Any) -> Any:
        return value


class Last(_Rule, frozen=True):
    """Keeps the last value; one write in a step."""

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        given = _flat(updates)
        if len(given) > 1:
            raise InvalidUpdateError(
                f"At key '{self.key}': Can receive only one value per step. "
                "Use an Annotated key to handle multiple values."
            )
        forced = _forced(given[0])
        return given[0] if forced is None else forced[0]


class AnyLast(_Rule, frozen=True):
    """Keeps the last value, however many wrote."""

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        return _flat(updates)[-1]


class Passing(AnyLast, frozen=True):
    """Lives for one step."""

    passing: ClassVar[bool] = True


class Untracked(Last, frozen=True):
    """Keeps the last value, and is not stored."""

    guard: bool = True
    """Whether two writes in a step are a mistake."""

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        return super().merge(value, updates if self.guard else _flat(updates)[-1:])


class Appended(_Rule, frozen=True):
    """A list of what was written; over the steps, where it ``accumulates``."""

    accumulates: bool = False

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        known = [] if value is UNSET or not self.accumulates else list(value)
        for one in _flat(updates):
            known.extend(cast("list[Any]", one) if isinstance(one, list) else [one])
        return known


class Reduced(_Rule, frozen=True):
    """Folds each write into the value; ``Overwrite`` goes past the reducer."""

    fold: Callable[[Any, Any], Any] | None = None
    start: Callable[[], Any] | None = None

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        if value is UNSET and self.start is not None:
            value = self.start()
        replaced = False
        for one in _flat(updates):
            if (forced := _forced(one)) is not None:
                if replaced:
                    raise InvalidUpdateError("Can receive only one Overwrite value per super-step.")
                value, replaced = forced[0], True
            elif not replaced:
                value = one if value is UNSET or self.fold is None else self.fold(value, one)
        return value


def _forced(write: Any) -> tuple[Any] | None:
    """What goes past the reducer: an ``Overwrite``, or one as plain data."""
    if isinstance(write, Overwrite):
        return (write.value,)
    parts = entries(write)
    if parts is not None and parts.get("type") == "__overwrite__" and len(parts) == 2:
        return (parts.get("value"),)
    return (parts["__overwrite__"],) if parts is not None and list(parts) == ["__overwrite__"] else None


class Batched(_Rule, frozen=True):
    """Folds all writes of a step into the value at once."""

    fold: Callable[[Any, list[Any]], Any] | None = None
    start: Callable[[], Any] | None = None

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        if value is UNSET:
            value = self.start() if self.start is not None else None
        given = _flat(updates)
        replaced = [found for one in given if (found := _forced(one)) is not None]
        if len(replaced) > 1:
            raise InvalidUpdateError("Can receive only one Overwrite value per super-step.")
        if replaced:
            return replaced[0][0] if replaced[0][0] is not None or self.start is None else self.start()
        return value if self.fold is None else self.fold(value, given)


def _flat(updates: Sequence[Any]) -> list[Any]:
    return [one for update in updates for one in (update if isinstance(update, Many) else (update,))]


def hints(schema: Any) -> dict[str, Any]:
    """The fields of a schema and their types, with what is annotated."""
    if not inspect.isclass(schema):
        return {}
    found = get_type_hints(schema, include_extras=True)
    return {key: found[key] for key in cast("Any", schema).model_fields} if is_model(schema) else found


def channels_of(schema: Any) -> dict[str, Channel]:
    """The channel of each field: with a reducer in ``Annotated``, or one that keeps the last value."""
    found = hints(schema)
    if not found:
        return {"__root__": _channel("__root__", schema)}
    return {key: _channel(key, hint) for key, hint in found.items() if not _managed(hint)}


def managed_of(schema: Any) -> dict[str, type[ManagedValue]]:
    """Those of its fields that the run itself gives."""
    return {key: kind for key, hint in hints(schema).items() if (kind := _managed(hint)) is not None}


def _managed(hint: Any) -> type[ManagedValue] | None:
    while get_origin(hint) in (Required, NotRequired):
        hint = get_args(hint)[0]
    kind = get_args(hint)[-1] if get_origin(hint) is Annotated else None
    return kind if inspect.isclass(kind) and issubclass(kind, ManagedValue) else None


def _channel(key: str, hint: Any) -> Channel:
    origin = get_origin(hint)
    if origin in (Required, NotRequired):
        return _channel(key, get_args(hint)[0])
    if origin is not Annotated:
        return Last(key)
    of, *extras = get_args(hint)
    rule = extras[-1]
    if isinstance(rule, DeltaChannel) and rule.typ is None:
        return DeltaChannel(rule.reducer, of).channel(key)
    if isinstance(rule, Kind):
        return rule.channel(key)
    if inspect.isclass(rule) and issubclass(rule, Kind):
        return rule(of).channel(key)
    if callable(rule) and _folds(rule):
        return Reduced(key, Any, rule, _start(of))
    return Last(key)


def _folds(rule: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(rule).parameters.values()
    except (TypeError, ValueError):
        return True
    positional = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if len(positional) == 2 or any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return True
    raise ValueError(f"Invalid reducer signature. Expected (a, b) -> c. Got {inspect.signature(rule)}")


def entries(value: Any) -> dict[str, Any] | None:
    """The value, where it is a dict."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def listed(value: Any) -> list[Any] | None:
    """The value, where it is a list."""
    return cast("list[Any]", value) if isinstance(value, list) else None


class Kind:
    """A channel as a state class names it in ``Annotated``."""

    def __init__(self, typ: Any = Any, *rest: Any, **options: Any) -> None:
        self.typ, self.rest, self.options = typ, rest, options

    def channel(self, key: str) -> Channel:
        return Last(key)


class LastValue(Kind):
    """One value, written once in a step."""


class AnyValue(Kind):
    """One value; of several writes, the last."""

    def channel(self, key: str) -> Channel:
        return AnyLast(key)


class EphemeralValue(Kind):
    """One value, for one step."""

    def channel(self, key: str) -> Channel:
        return Passing(key)


class UntrackedValue(Kind):
    """One value that is never stored."""

    def channel(self, key: str) -> Channel:
        guard = self.options.get("guard", self.rest[0] if self.rest else True)
        return Untracked(key, Any, guard)


class Topic(Kind):
    """A list of what was written."""

    def channel(self, key: str) -> Channel:
        accumulates = self.options.get("accumulate", bool(self.rest and self.rest[0]))
        return Appended(key, Any, accumulates) if accumulates else _PassingList(key)


class _PassingList(Appended, frozen=True):
    passing: ClassVar[bool] = True


class BinaryOperatorAggregate(Kind):
    """Folded by an operator."""

    def channel(self, key: str) -> Channel:
        return Reduced(key, Any, self.rest[0] if self.rest else self.options["operator"], _start(self.typ))


class DeltaChannel(Kind):
    """Folded by a function of the value and the list of all writes of a step. Stored here like other values."""

    def __init__(self, reducer: Any, typ: Any = None, *, snapshot_frequency: int = 100) -> None:
        super().__init__(typ)
        if snapshot_frequency <= 0:
            raise ValueError(f"snapshot_frequency must be a positive int, got {snapshot_frequency}")
        self.reducer, self.snapshot_frequency = reducer, snapshot_frequency

    def channel(self, key: str) -> Channel:
        return Batched(key, Any, self.reducer, _start(self.typ if self.typ is not None else list))


class Schema:
    """What one reader sees of the values: which keys, and as what."""

    __slots__ = ("_defaults", "_managed", "_objects", "keys", "of")

    def __init__(self, of: Any, channels: Mapping[str, Channel]) -> None:
        self.of = of
        self._objects = is_dataclass(of) or is_model(of)
        self.keys = tuple(channels_of(of))
        self._managed = managed_of(of)
        self._defaults = {
            key: channel.start
            for key, channel in channels.items()
            if isinstance(channel, Reduced | Batched) and channel.start
        }

    def values(self, state: Mapping[str, Any]) -> Any:
        """What there is of its keys, as a plain dict."""
        if self.keys == ("__root__",):
            return state.get("__root__")
        found: dict[str, Any] = {}
        for key in self.keys:
            if key in state:
                found[key] = state[key]
            elif key in self._defaults:
                found[key] = self._defaults[key]()
        return found

    def seen(self, state: Mapping[str, Any], steps: Steps | None = None) -> Any:
        """The same as an instance of the schema, where it is a class of objects; with what the run itself gives."""
        values = self.values(state)
        if self._managed and steps is not None:
            values |= {key: kind.get(steps) for key, kind in self._managed.items()}
        return self.made(values)

    def made(self, values: Any) -> Any:
        parts = entries(values)
        return self.of(**parts) if parts is not None and self._objects else values


def is_model(kind: Any) -> bool:
    return inspect.isclass(kind) and hasattr(kind, "model_fields_set") and hasattr(kind, "model_validate")


def changes(given: Any, keys: Sequence[str]) -> dict[str, Any]:
    """What a node gave, as writes to these channels; what else it names is passed over.

    Raises:
        InvalidUpdateError: it is no update at all.
    """
    if given is None:
        return {}
    if keys == ("__root__",):
        return {"__root__": given}
    if isinstance(given, Mapping):
        return {key: value for key, value in cast("Mapping[str, Any]", given).items() if key in keys}
    if is_model(type(given)):
        told, known = given.model_fields_set, cast("dict[str, Any]", cast("Any", type(given)).model_fields)
        defaults = {key: field.default for key, field in known.items()}
        return {
            key: value
            for key in keys
            if key in defaults
            for value in (getattr(given, key),)
            if key in told or value != defaults[key]
        }
    if is_dataclass(given) and not isinstance(given, type):
        return {
            field.name: value
            for field in fields(given)
            if field.name in keys and ((value := getattr(given, field.name)) is not None or field.default is MISSING)
        }
    pairs = listed(given)
    if pairs is not None and all(isinstance(one, tuple) and len(cast("Any", one)) == 2 for one in pairs):
        found: dict[str, list[Any]] = {}
        for key, value in pairs:
            if key in keys:
                found.setdefault(key, []).append(value)
        return {key: values[0] if len(values) == 1 else Many(values) for key, values in found.items()}
    raise InvalidUpdateError(f"Expected dict, got {given}")


def join(names: Sequence[str]) -> Barrier:
    return Barrier(frozenset(names))
