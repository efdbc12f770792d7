"""The values of LangGraph's public vocabulary, so that code which names them needs another import and nothing more."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from weft.engine.context import Interrupted

START: Final = "__start__"
END: Final = "__end__"
TAG_HIDDEN: Final = "langsmith:hidden"
TAG_NOSTREAM: Final = "nostream"

StreamMode: TypeAlias = Literal["values", "updates", "checkpoints", "tasks", "debug", "messages", "custom"]
StreamWriter: TypeAlias = Callable[[Any], None]
Durability: TypeAlias = Literal["sync", "async", "exit"]
All: TypeAlias = Literal["*"]
Config: TypeAlias = dict[str, Any]
RunnableConfig: TypeAlias = dict[str, Any]

N = TypeVar("N", bound=Hashable)
C = TypeVar("C")


class GraphRecursionError(RecursionError):
    """More steps than ``recursion_limit``, and it has not come to its end."""


class InvalidUpdateError(Exception):
    """A node gave what the state cannot take."""


class EmptyInputError(Exception):
    """There is nothing to begin with."""


class NodeInterrupt(Interrupted):
    """An interrupt that a node raises itself; ``interrupt`` is the better way."""

    def __init__(self, value: Any, id: str | None = None) -> None:
        super().__init__(())
        self.value = value
        self.id = id


@dataclass(frozen=True, slots=True)
class Send:
    """Run ``node`` next, with ``arg`` in the place of the state."""

    node: str
    arg: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Command(Generic[N]):
    """Update the state and say where to go; or, as an input, answer interrupts."""

    graph: str | None = None
    update: Any = None
    resume: Any = None
    goto: Send | Sequence[Send | N] | N = ()  # pyright: ignore[reportAssignmentType]  # () is an empty sequence
    PARENT = "__parent__"


@dataclass(frozen=True, slots=True)
class Overwrite:
    """A write that goes past the reducer."""

    value: Any


@dataclass(frozen=True, slots=True)
class Interrupt:
    """What a node asked, under an id that stays the same."""

    value: Any
    id: str = ""


class PregelTask(NamedTuple):
    """A node that is to run, or has run, after a checkpoint."""

    id: str
    name: str
    path: tuple[Any, ...]
    error: Any = None
    interrupts: tuple[Interrupt, ...] = ()
    state: Any = None
    result: Any = None


class StateSnapshot(NamedTuple):
    """The state of a thread at one checkpoint."""

    values: Any
    next: tuple[str, ...]
    config: Config
    metadata: dict[str, Any] | None
    created_at: str | None
    parent_config: Config | None
    tasks: tuple[PregelTask, ...]
    interrupts: tuple[Interrupt, ...]


class StateUpdate(NamedTuple):
    """One of several updates by hand."""

    values: Any
    as_node: str | None = None
    task_id: str | None = None


def default_retry_on(error: Exception) -> bool:
    """Whether trying again may help: not where the program itself is wrong."""
    if isinstance(error, ConnectionError):
        return True
    wrong = (
        *(ValueError, TypeError, ArithmeticError, ImportError, LookupError, NameError, SyntaxError, RuntimeError),
        *(ReferenceError, StopIteration, StopAsyncIteration, OSError),
    )
    return not isinstance(error, wrong)


class RetryPolicy(NamedTuple):
    """When and how often a node is tried again. Times in seconds."""

    initial_interval: float = 0.5
    backoff_factor: float = 2.0
    max_interval: float = 128.0
    max_attempts: int = 3
    jitter: bool = True
    retry_on: type[Exception] | Sequence[type[Exception]] | Callable[[Exception], bool] = default_retry_on


def default_cache_key(*args: Any, **kwargs: Any) -> str:
    return repr((args, sorted(kwargs.items())))


@dataclass(kw_only=True, slots=True)
class CachePolicy:
    """A node's result is kept for inputs with the same key, for ``ttl`` seconds."""

    key_func: Callable[..., str | bytes] = default_cache_key
    ttl: int | None = None


@dataclass(slots=True)
class InMemoryCache:
    """Results of nodes, in this process."""

    kept: dict[Any, tuple[float, Any]] = field(default_factory=dict[Any, tuple[float, Any]])


@dataclass(slots=True)
class Runtime(Generic[C]):
    """What a node may ask for beside the state."""

    context: C = None  # pyright: ignore[reportAssignmentType]  # none was given
    store: Any = None
    stream_writer: StreamWriter = lambda _: None
    previous: Any = None
