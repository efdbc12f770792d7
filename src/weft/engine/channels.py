"""Channels: how one slot of a graph's state accepts what nodes write.

A channel holds no value. Values live in the checkpoint; a channel says how they change. So a
channel is a pure rule, and one graph can be shared by a thousand runs. ``of`` is the type of what
is kept and ``takes`` that of one write: they are also the codec, so nothing is ever pickled.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from weft.errors import GraphError


class _Unset(Enum):
    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _Unset.UNSET
Unset: TypeAlias = Literal[_Unset.UNSET]

Stored: TypeAlias = Literal["value", "updates", "rows"]
"""How a store keeps a slot: its value when it changed, only what each step added, or as rows of a
table of their own."""


class Overwrite(Struct, frozen=True):
    """A write that takes the place of all that a channel has gathered, past its rule. One in a step."""

    value: Any


class Channel(Protocol):
    """The rule of one slot."""

    stored: ClassVar[Stored]
    passing: ClassVar[bool]
    """Whether its value lives for one step only."""

    @property
    def of(self) -> Any:
        """The type of the value."""
        ...

    @property
    def takes(self) -> Any:
        """The type of one write."""
        ...

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        """The next value after ``updates``, which are never empty and come in the order of their activations.

        Raises:
            GraphError: these updates cannot stand together.
        """
        ...

    def ready(self, value: Any) -> bool:
        """Whether this value wakes the nodes that listen."""
        ...

    def woken(self, value: Any) -> Any:
        """What is left of the value after it woke them."""
        ...


class LastValue(Struct, frozen=True):
    """Keeps the last value. Two writers in one step are a mistake."""

    of: Any = Any
    stored: ClassVar[Stored] = "value"
    passing: ClassVar[bool] = False

    @property
    def takes(self) -> Any:
        return self.of

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        if len(updates) > 1:
            raise GraphError(
                f"{len(updates)} nodes wrote to it in one step, and it keeps only the last value; "
                "give it a reducer: Annotated[T, fn]"
            )
        return updates[0] if type(updates[0]) is not Overwrite else updates[0].value

    def ready(self, value: Any) -> bool:
        return True

    def woken(self, value: Any) -> Any:
        return value


class BinaryOperatorAggregate(Struct, frozen=True):
    """Folds every update into the value: a counter, a merged dict, a growing list."""

    fold: Callable[[Any, Any], Any]
    of: Any = Any
    start: Callable[[], Any] | None = None
    """Makes the value that the first update is folded into; without it the first update is the value."""
    stored: ClassVar[Stored] = "updates"
    passing: ClassVar[bool] = False

    @property
    def takes(self) -> Any:
        return self.of

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        rest = iter(updates)
        if value is UNSET and type(updates[0]) is not Overwrite:
            value = self.start() if self.start else next(rest)
        for update in rest:
            if type(update) is Overwrite:
                return overwritten(updates)
            try:
                value = self.fold(value, update)
            except GraphError:
                raise
            except Exception as error:
                raise GraphError(f"its reducer failed on {update!r:.80}: {type(error).__name__}: {error}") from error
        return value

    def ready(self, value: Any) -> bool:
        return True

    def woken(self, value: Any) -> Any:
        return value


class Topic(Struct, frozen=True):
    """An append-only tuple of ``item``. One write appends a sequence of items."""

    item: Any = Any
    stored: ClassVar[Stored] = "updates"
    passing: ClassVar[bool] = False

    @property
    def of(self) -> Any:
        return tuple[self.item, ...]

    @property
    def takes(self) -> Any:
        return tuple[self.item, ...]

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        if overwrites(updates):
            return tuple(overwritten(updates))
        known = () if value is UNSET else value
        return (*known, *(item for update in updates for item in update))

    def ready(self, value: Any) -> bool:
        return True

    def woken(self, value: Any) -> Any:
        return value


class Ephemeral(Struct, frozen=True):
    """Lives for one step. Of several writes in it, the last counts."""

    of: Any = Any
    stored: ClassVar[Stored] = "value"
    passing: ClassVar[bool] = True

    @property
    def takes(self) -> Any:
        return self.of

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        return overwritten(updates) if overwrites(updates) else updates[-1]

    def ready(self, value: Any) -> bool:
        return True

    def woken(self, value: Any) -> Any:
        return value


class Barrier(Struct, frozen=True):
    """Opens when everyone in ``names`` has written their name, then closes again: a join."""

    names: frozenset[str]
    stored: ClassVar[Stored] = "value"
    passing: ClassVar[bool] = False

    @property
    def of(self) -> Any:
        return tuple[str, ...]

    @property
    def takes(self) -> Any:
        return str

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        seen = set[str]() if value is UNSET else set[str](value)
        if unknown := [update for update in updates if not isinstance(update, str) or update not in self.names]:
            raise GraphError(f"{unknown[0]!r} was written to it; it waits for {', '.join(sorted(self.names))}")
        return tuple(sorted(seen.union(updates)))

    def ready(self, value: Any) -> bool:
        return self.names.issubset(value)

    def woken(self, value: Any) -> Any:
        return UNSET


def overwrites(updates: Sequence[Any]) -> bool:
    """Whether one of them takes the place of the value."""
    return any(type(update) is Overwrite for update in updates)


def overwritten(updates: Sequence[Any]) -> Any:
    """The value that stands for all others of a step, as one of them overwrites.

    Raises:
        GraphError: there are two such.
    """
    given = [update for update in updates if isinstance(update, Overwrite)]
    if len(given) > 1:
        raise GraphError(f"{len(given)} nodes overwrote it in one step")
    return given[0].value
