"""Contexts of threads that spoke lately in this process: the next turn need not read them again."""

from collections import OrderedDict
from typing import TypeAlias

from weft.runtime.conversation import Context
from weft.storage.base import Opened

Mark: TypeAlias = tuple[float, int]
MOST = 20_000
"""Messages that are kept in all; the threads that were silent longest go first."""


class Recent:
    """Good as long as the thread's last message is the one that was kept: messages are only ever added."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held = 0
        self._kept: OrderedDict[str, tuple[tuple[int, Mark], Context]] = OrderedDict()

    def keep(self, thread_id: str, head_seq: int, mark: Mark, context: Context) -> None:
        """Remember what is on record: the context of the thread up to message ``head_seq``."""
        self.forget(thread_id)
        self._kept[thread_id] = ((head_seq, mark), context)
        self._held += len(context.said) + 1
        while self._held > self._most:
            self.forget(next(iter(self._kept)))

    def known(self, thread_id: str) -> bool:
        return thread_id in self._kept

    def get(self, thread_id: str, opened: Opened) -> Context | None:
        """The context, if nothing was said since, and it is the same thread still."""
        kept = self._kept.get(thread_id)
        return kept[1] if kept is not None and kept[0] == (opened.head_seq, opened.mark) else None

    def forget(self, thread_id: str) -> None:
        kept = self._kept.pop(thread_id, None)
        if kept is not None:
            self._held -= len(kept[1].said) + 1
