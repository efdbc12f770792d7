"""What all graphs of one run share while it is driven: the target's, and those that it calls."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from weft.engine.scheduler import Paused
from weft.runtime.asking import Asking
from weft.runtime.below import Find, unknown
from weft.runtime.beside import Beside
from weft.runtime.conversation import Context as Seen
from weft.runtime.journal import Journal
from weft.runtime.recent import Recent
from weft.runtime.repeats import Left
from weft.runtime.steering import Steering
from weft.runtime.versions import ALONE

Path: TypeAlias = tuple[str, ...]


class Session:
    """What all graphs of one run share."""

    __slots__ = (
        "asking",
        "begun",
        "best",
        "calls",
        "context",
        "deps",
        "find",
        "going_on",
        "guard",
        "journal",
        "left",
        "lets_go",
        "meeting",
        "recent",
        "resumed",
        "steering",
        "thread_mark",
        "until",
        "visit",
    )

    def __init__(
        self,
        journal: Journal,
        deps: Any,
        asking: Asking,
        *,
        resumed: bool,
        guard: Callable[[], None] | None = None,
        recent: Recent | None = None,
        steering: Steering | None = None,
        visit: Paused | None = None,
        going_on: bool = False,
        until: int | None = None,
    ) -> None:
        self.journal = journal
        self.deps = deps
        self.asking = asking
        self.resumed = resumed
        """Whether parts of the run may be on record already."""
        self.guard = guard
        """Raises ``Fenced`` where this process may no longer act; asked before each activation."""
        self.recent = recent
        self.going_on = going_on
        """Whether the run has no input: it takes the thread further from where it stands."""
        self.meeting = ALONE
        """What is to be done where a graph has changed."""
        self.until = until
        """The step of the target at which the run is to pause."""
        self.steering = steering
        """What people ask of the run; asked at each edge."""
        self.left: Sequence[Left] = ()
        """The lines that the run left when it began."""
        self.find: Find = unknown
        """Finds the targets of the app."""
        self.lets_go: Callable[[Session], Awaitable[None]] | None = None
        """What is to be done where such a run goes on after all."""
        self.visit = visit
        """Why the run rests again once commands that wait for it are taken; ``None`` where it goes on."""
        self.thread_mark: tuple[float, int] = (0.0, 0)
        self.context: Seen | None = None
        """The thread's own conversation at the end of the run."""
        self.begun: dict[Path, None] = {}
        self.calls: dict[Path, Beside] = {}
        """Calls that are under way, by the activation that made them."""
        self.best: Any = None
        """The answer so far, of a run that came to rest: the last words of an agent, the state of a graph; where the
        target has none, that of the first graph below that a limit stopped."""
