"""The values of LangGraph's public vocabulary, so that code which names them needs another import and nothing more."""

import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar, cast

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


@dataclass(frozen=True, slots=True)
class Send:
    """Run ``node`` next, with ``arg`` in the place of the state."""

    node: str
    arg: Any

    def __repr__(self) -> str:
        return f"Send(node={self.node!r}, arg={self.arg!r})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Command(Generic[N]):
    """Update the state and say where to go; or, as an input, answer interrupts."""

    graph: str | None = None
    update: Any = None
    resume: Any = None
    goto: Send | Sequence[Send | N] | N = ()  # pyright: ignore[reportAssignmentType]  # () is an empty sequence
    PARENT: ClassVar[Literal["__parent__"]] = "__parent__"

    def __new__(cls, *_: Any, **__: Any) -> "Command[Any]":
        return object.__new__(_returnable() if cls is Command else cls)

    def __repr__(self) -> str:
        given = [(name, getattr(self, name)) for name in ("graph", "update", "resume", "goto")]
        return f"Command({', '.join(f'{name}={value!r}' for name, value in given if value)})"


def _returnable() -> "type[Command[Any]]":
    """Commands such that LangChain's tools, where they are loaded, hand them on instead of telling a model of them."""
    loaded = sys.modules.get("langchain_core.messages.tool")
    return Command if loaded is None else _mixed(loaded.ToolOutputMixin)


@cache
def _mixed(mixin: type) -> "type[Command[Any]]":
    return type("Command", (Command, mixin), {"__slots__": (), "__module__": __name__, "__qualname__": "Command"})


@dataclass(slots=True)
class Overwrite:
    """A write that goes past the reducer."""

    value: Any


@dataclass(slots=True)
class Interrupt:
    """What a node asked, under an id that stays the same."""

    value: Any
    id: str = "placeholder-id"
    response_schema: Any = field(default=None, kw_only=True)
    """What an answer must be: a class, or a JSON Schema once it is on record."""

    def __class_getitem__(cls, _: Any) -> type["Interrupt"]:
        return cls


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
    if (status := _http_status(error)) is not None:
        return status >= 500
    wrong = (
        *(ValueError, TypeError, ArithmeticError, ImportError, LookupError, NameError, SyntaxError, RuntimeError),
        *(ReferenceError, StopIteration, StopAsyncIteration, OSError),
    )
    return not isinstance(error, wrong)


def _http_status(error: Exception) -> int | None:
    """What a server answered, where the error is one of httpx or requests; 599 where it answered nothing."""
    for module, name in (("httpx", "HTTPStatusError"), ("requests", "HTTPError")):
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(error, kind):
            response: Any = cast("Any", error).response
            return 599 if response is None else response.status_code
    return None


class RetryPolicy(NamedTuple):
    """When and how often a node is tried again. Times in seconds."""

    initial_interval: float = 0.5
    backoff_factor: float = 2.0
    max_interval: float = 128.0
    max_attempts: int = 3
    jitter: bool = True
    retry_on: type[Exception] | Sequence[type[Exception]] | Callable[[Exception], bool] = default_retry_on


def seconds(given: float | timedelta | None) -> float | None:
    """Raises: ValueError (it is not above 0)."""
    if given is None:
        return None
    number = given.total_seconds() if isinstance(given, timedelta) else float(given)
    if number <= 0:
        raise ValueError("a timeout must be greater than 0")
    return number


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeoutPolicy:
    """How long a node may take in all, and without a sign of life. In seconds."""

    run_timeout: float | timedelta | None = None
    idle_timeout: float | timedelta | None = None
    refresh_on: Literal["auto", "heartbeat"] = "auto"

    @classmethod
    def coerce(cls, value: "float | timedelta | TimeoutPolicy | None") -> "TimeoutPolicy | None":
        """Raises: ValueError (a time is not above 0)."""
        if value is None:
            return None
        policy = value if isinstance(value, TimeoutPolicy) else cls(run_timeout=value)
        if policy.refresh_on not in ("auto", "heartbeat"):
            raise ValueError("refresh_on must be 'auto' or 'heartbeat'")
        run, idle = seconds(policy.run_timeout), seconds(policy.idle_timeout)
        if run is None and idle is None:
            return None
        return cls(run_timeout=run, idle_timeout=idle, refresh_on=policy.refresh_on)


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime(Generic[C]):
    """What a node may ask for beside the state."""

    context: C = None  # pyright: ignore[reportAssignmentType]  # none was given
    store: Any = None
    stream_writer: StreamWriter = lambda _: None
    previous: Any = None
    """What an ``entrypoint`` gave last time in this thread."""
    heartbeat: Callable[[], None] = lambda: None
    """A sign of life, for nodes with an ``idle_timeout``."""
    execution_info: Any = None
    server_info: Any = None
    """There is no LangGraph Server here."""
    control: "RunControl | None" = None

    def merge(self, other: "Runtime[C]") -> "Runtime[C]":
        return replace(
            self,
            context=other.context or self.context,
            store=other.store or self.store,
            previous=other.previous or self.previous,
            control=other.control or self.control,
        )

    def override(self, **overrides: Any) -> "Runtime[C]":
        return replace(self, **overrides)


class RunControl:
    """Asks a run to stop at the end of its step: ``invoke(..., control=RunControl())``. From any thread."""

    def __init__(self) -> None:
        self.drain_reason: str | None = None

    @property
    def drain_requested(self) -> bool:
        return self.drain_reason is not None

    def request_drain(self, reason: str = "shutdown") -> None:
        """The run raises ``GraphDrained`` before its next step, unless that was the last; it can be gone on with."""
        self.drain_reason = reason


@dataclass(frozen=True, slots=True)
class ExecutionInfo:
    """Where a node runs."""

    checkpoint_id: str
    checkpoint_ns: str
    task_id: str
    thread_id: str | None = None
    run_id: str | None = None
    node_attempt: int = 1
    node_first_attempt_time: float | None = None

    def patch(self, **overrides: Any) -> "ExecutionInfo":
        """The same with other fields."""
        return replace(self, **overrides)


@dataclass(frozen=True)
class GraphOutput:
    """What ``invoke(version="v2")`` gives."""

    value: Any
    interrupts: tuple[Interrupt, ...] = ()
