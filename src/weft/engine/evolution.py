"""How a graph changes over time: the version its author gives it, and what becomes of states that an older one left."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from msgspec import Struct

from weft.errors import UsageError

Migration: TypeAlias = Callable[[dict[str, Any]], Mapping[str, Any]]
"""The state as an older version left it (channels by name, as plain JSON values), in the form of a newer one."""
OnChange: TypeAlias = Literal["go_on", "pin", "refuse"]
"""What a thread that stopped in the midst of a graph does when it meets another version of it: go on where
everything still fits, go on with the old version (which must be registered too), or be refused."""

NO_MIGRATIONS: Mapping[tuple[str, str], Migration] = MappingProxyType({})


def check_on_change(on_change: str) -> None:
    """Raises: UsageError."""
    if on_change not in get_args(OnChange):
        raise UsageError(f"`on_change` is one of {', '.join(get_args(OnChange))}; not {on_change!r}")


class Evolution(Struct, frozen=True, kw_only=True):
    """The version of a graph, and how it meets states of others."""

    version: str = ""
    """As its author calls it; the graph's own ``version`` is a hash of its shape."""
    migrate: Mapping[tuple[str, str], Migration] = NO_MIGRATIONS
    """By (from, to). Chained: ``("1", "2")`` and ``("2", "3")`` bring a state from 1 to 3."""
    on_change: OnChange | None = None
    """``None`` leaves it to the app."""

    def __post_init__(self) -> None:
        """Raises: UsageError (nobody knows what ``on_change`` means)."""
        if self.on_change is not None:
            check_on_change(self.on_change)

    def way(self, old: str) -> list[Migration] | None:
        """The functions that lead from version ``old`` to this one, the fewest there are; ``None`` where none do.

        >>> Evolution(version="3", migrate={("1", "2"): dict, ("2", "3"): dict}).way("1")
        [<class 'dict'>, <class 'dict'>]
        """
        reached: dict[str, list[Migration]] = {old: []}
        edge = [old]
        while edge:
            ahead: list[str] = []
            for here in edge:
                for (start, end), function in self.migrate.items():
                    if start == here and end not in reached:
                        reached[end] = [*reached[here], function]
                        ahead.append(end)
            edge = ahead
        return reached.get(self.version) if self.version != old else None


def evolution(
    version: str, migrate: Mapping[tuple[str, str], Migration] | None = None, on_change: OnChange | None = None
) -> Evolution:
    """Raises: UsageError, where a migration is not between two versions, or ``on_change`` is none of its words."""
    for key in migrate or ():
        if len(key) != 2 or key[0] == key[1]:
            raise UsageError(f"a migration is from one version to another, not {key!r}")
    if migrate and not version:
        raise UsageError("migrations lead to a version: give `version=` too")
    return Evolution(version=version, migrate=migrate or NO_MIGRATIONS, on_change=on_change)


UNVERSIONED = Evolution()
