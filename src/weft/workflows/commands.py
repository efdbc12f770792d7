"""What nodes and conditional edges say of where to go: ``Command``, ``Send``, names, ``END``."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar, cast

from msgspec import Struct

from weft.engine.graph import END as END
from weft.engine.graph import Send
from weft.errors import GraphError

START: Final = "__start__"

N = TypeVar("N")


class Command(Struct, Generic[N], frozen=True, kw_only=True):
    """What a node may return to write state and say where to go, at once.

    ``goto`` comes on top of the node's edges. ``Command[Literal["a", "b"]]`` as the return type of a node says
    where it may lead. With ``graph=Command.PARENT`` it is the node that called this graph that writes and goes.
    As the input of a graph it takes the place of the edges from ``START``.
    """

    PARENT: ClassVar[str] = "__parent__"

    update: Any = None
    goto: str | Send | Sequence[str | Send] = ()
    resume: Any = None
    """Answers to questions, by id, for doors that take a command; an ``App`` has ``resume``."""
    graph: str | None = None


def targets(given: Any, to: Mapping[Any, str] | None, who: str) -> tuple[list[str], list[Send]]:
    """Names and sends in what a route or a ``Command`` says.

    Raises:
        GraphError: it is something else, or ``to`` does not have it.
    """
    if given is None:
        return [], []
    items = cast("Sequence[Any]", given) if isinstance(given, list | tuple) else (given,)
    goto: list[str] = []
    sends: list[Send] = []
    for item in items:
        if isinstance(item, Send):
            sends.append(item)
            continue
        target = item if to is None else _translated(item, to, who)
        if not isinstance(target, str):
            raise GraphError(f"{who} said {target!r}; the name of a node, a Send or END is wanted")
        if target != END:
            goto.append(target)
    return goto, sends


def _translated(item: Any, to: Mapping[Any, str], who: str) -> str:
    try:
        return to[item]
    except (KeyError, TypeError):
        raise GraphError(f"{who} said {item!r}; its path_map has {sorted(map(str, to))}") from None
