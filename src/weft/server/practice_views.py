"""Feedback, proposals, notes and the work on memories, as the API shows them."""

from typing import Any

from msgspec import Struct

from weft.memory.notes import Note
from weft.memory.transcript import Passage
from weft.server.memory_views import KeptMemory
from weft.storage.chore_rows import Chore, Stage, Task
from weft.storage.feedback_rows import Remark


class Remarks(Struct, frozen=True):
    """What was said of runs, in order."""

    items: list[Remark]


class Proposals(Struct, frozen=True):
    """Instructions that wait for a person's word."""

    items: list[KeptMemory]


class NoteList(Struct, frozen=True):
    """What runs put down, in order."""

    items: list[Note]


class Passages(Struct, frozen=True):
    """Messages that fit, best first."""

    items: list[Passage]


class ProfileView(Struct, frozen=True):
    """What is known of a user."""

    fields: dict[str, Any]


class ChoreView(Struct, frozen=True, kw_only=True):
    """A piece of work on memories, and how far it is."""

    n: int
    kind: Task
    agent: str
    of: str
    """The run it learns from, the user, or '' for everybody."""
    user: str
    thread: str
    status: Stage
    due_at: float
    tries: int
    done: int
    total: int
    error: str | None


class ChoreList(Struct, frozen=True):
    """The newest first."""

    items: list[ChoreView]


PRACTICE_VIEWS: tuple[type[Struct], ...] = (*(Remark, Remarks, Proposals, NoteList, Passages, ProfileView, ChoreList),)


def chore_view(chore: Chore) -> ChoreView:
    return ChoreView(**{name: getattr(chore, name) for name in ChoreView.__struct_fields__})
