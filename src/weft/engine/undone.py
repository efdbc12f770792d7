"""``NOT_DONE``: what whoever looks afterwards says of an effect that did not happen."""

from enum import Enum
from typing import Final, Literal, TypeAlias


class _NotDone(Enum):
    NOT_DONE = "not done"

    def __repr__(self) -> str:
        return "NOT_DONE"


NOT_DONE: Final = _NotDone.NOT_DONE
"""What ``reconcile`` returns where it did not happen: then it is done now."""
NotDone: TypeAlias = Literal[_NotDone.NOT_DONE]
