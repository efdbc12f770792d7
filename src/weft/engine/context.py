"""What a node or a tool may know and do while it runs. Seven names; it does not grow."""

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar, cast

from weft.engine.channels import UNSET
from weft.errors import LimitExceeded, UsageError

D = TypeVar("D")
Kind: TypeAlias = Literal["question", "approval", "outcome"]
"""What is asked: anything, whether a tool may be called, or whether something has happened."""


class Target(Protocol):
    """Whatever has a graph can be run: an agent, a team, a workflow, a graph itself."""

    @property
    def name(self) -> str: ...

    def graph(self) -> Any:
        """The ``Graph`` to run."""
        ...


class RunInfo(Protocol):
    """Which run this is, and whose."""

    @property
    def id(self) -> str: ...

    @property
    def thread_id(self) -> str: ...

    @property
    def workspace(self) -> str: ...

    @property
    def user_id(self) -> str: ...

    @property
    def usage(self) -> Any:
        """What the run has used so far."""
        ...

    @property
    def recorded(self) -> Any:
        """In a replay, what models and tools said the first time."""
        ...

    @property
    def meter(self) -> Any:
        """What holds its limits and budgets."""
        ...

    @property
    def rules(self) -> Any:
        """What its tool calls are held to."""
        ...

    @property
    def store(self) -> Any:
        """Where it is kept; ``None`` for a run that nobody keeps."""
        ...

    @property
    def fence(self) -> int:
        """Under which it is driven: once another process takes it over, the store refuses this one's."""
        ...


class Host(Protocol):
    """What stands behind a context: the runtime, seen from the engine."""

    def emit(self, path: tuple[str, ...], event: Any) -> None: ...

    def call(self, path: tuple[str, ...], target: Target, input: Any) -> Awaitable[Any]: ...

    def ask(self, asked: "Asked") -> Any:
        """The answer. Raises: Interrupted, while there is none."""
        ...

    def intent(self, path: tuple[str, ...]) -> "Intent": ...


class Intent(Protocol):
    """What is on record of something that an activation must do at most once."""

    @property
    def durable(self) -> bool:
        """Whether there is a record, and so somebody who can be asked later."""
        ...

    @property
    def outcome(self) -> Any:
        """What came of it, once that is known; until then ``UNSET``."""
        ...

    @property
    def open(self) -> int:
        """The number of the try that was begun, and of which nobody knows how it came out; else 0."""
        ...

    @property
    def why(self) -> str:
        """Why nobody knows it, as far as this process saw it; else nothing."""
        ...

    def earlier(self, name: str, arguments: Any) -> Any:
        """What another line of this thread did that this would do again; ``None`` where there is nothing."""
        ...

    async def begin(self, what: Any) -> None:
        """Put the next try on record; when this returns, it is durable."""
        ...

    def happened(self, outcome: Any) -> Any:
        """The outcome, from now on; that it is known is on record together with the end of the activation."""
        ...

    def void(self) -> None:
        """It is known that nothing happened: the next try is free."""
        ...

    def unknown(self, why: str) -> None:
        """Tell that nobody knows how the try came out."""
        ...


class Interrupted(BaseException):
    """A node cannot go on for now: questions have no answer yet, a limit stops it, or somebody holds it.

    Control flow, not an error.
    """

    def __init__(
        self, questions: "tuple[Asked, ...]", stop: LimitExceeded | None = None, *, halted: str | None = None
    ) -> None:
        super().__init__(", ".join(question.id for question in questions))
        self.questions = questions
        self.stop = stop
        self.halted = halted


class Waits(Protocol):
    """Something that cannot go on for now."""

    questions: "tuple[Asked, ...]"
    stop: LimitExceeded | None
    halted: str | None


def joined(waits: Sequence[Waits]) -> Interrupted:
    """All that several things wait for, as one: every question, the first limit, the first hold."""
    questions = {question.id: question for one in waits for question in one.questions}
    stop = next((one.stop for one in waits if one.stop is not None), None)
    halted = next((one.halted for one in waits if one.halted is not None), None)
    return Interrupted(tuple(questions.values()), stop, halted=halted)


class Asked:
    """A question as a node put it."""

    __slots__ = ("expires_at", "fallback", "id", "kind", "path", "payload", "schema", "seconds")

    def __init__(
        self,
        id: str,
        path: tuple[str, ...],
        payload: Any,
        schema: Any = None,
        *,
        kind: Kind = "question",
        seconds: float | None = None,
        fallback: Any = UNSET,
    ) -> None:
        self.id, self.path, self.payload, self.schema = id, path, payload, schema
        self.kind: Kind = kind
        self.seconds = seconds
        """How long it waits."""
        self.expires_at: float | None = None
        self.fallback = fallback
        """The answer where nobody gives one in time."""


class Context(Generic[D]):
    """Given to every node and tool that asks for it.

    ``run`` says which run this is and for whom; ``path`` where in it; ``deps`` is what the
    application gave to the run (clients, a database); ``idempotency_key`` is the same when this
    activation runs again after a crash; ``emit``, ``call`` and ``ask`` are all that it can do.
    """

    __slots__ = ("_asked", "_called", "_host", "_of", "deps", "path", "run")

    def __init__(
        self, run: RunInfo, path: tuple[str, ...], deps: D, host: Host, of: "Context[Any] | None" = None
    ) -> None:
        self.run = run
        self.path = path
        self.deps = deps
        self._host = host
        self._of = of
        """Whose calls and questions these are: the context that this one is another view of counts them."""
        self._called = 0
        self._asked = 0

    @property
    def idempotency_key(self) -> str:
        """Give this to whatever has a side effect: the same activation always has the same key."""
        return "/".join((self.run.id, *self.path))

    def emit(self, event: Any) -> None:
        """Tell whoever listens. Durable events are stored with the next commit of this graph."""
        self._host.emit(self.path, event)

    async def call(self, target: Target, input: Any) -> Any:
        """Run another agent, team, workflow or graph inside this run; its output.

        Durable: if this activation runs again, a call that was finished is not repeated.
        """
        if not isinstance(getattr(target, "name", None), str) or not callable(getattr(target, "graph", None)):
            raise UsageError(f"an agent, a graph or a workflow can be called, not {target!r}")
        own = self._of or self
        own._called += 1
        try:
            return await self._host.call((*self.path, f"{target.name}#{own._called}"), target, input)
        finally:
            CURRENT.set(self)  # what was called has had contexts of its own

    def ask(
        self,
        payload: Any,
        *,
        schema: Any = None,
        key: str | None = None,
        expires: float | None = None,
        default: Any = UNSET,
    ) -> Any:
        """The answer to a question, or a pause until a person gives one.

        The activation runs again from its start when the answer is there, so ask before you act.
        Questions are told apart by their order, or by ``key``. With a ``schema`` (a JSON Schema, a type or a
        Pydantic model) only answers that fit are taken, and a type's answer comes in that type. After
        ``expires`` seconds the ``default`` is the answer.

        Raises:
            QuestionExpired: its time was over, and it has no default.
        """
        own = self._of or self
        own._asked += 1
        id = "/".join((*self.path, key or f"ask#{own._asked}"))
        return self._host.ask(Asked(id, self.path, payload, schema, seconds=expires, fallback=default))


class _Through:
    """A host in front of another one."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


class _Heard(_Through):
    def __init__(self, host: Host, beat: Callable[[], None]) -> None:
        super().__init__(host)
        self._beat = beat

    def emit(self, path: tuple[str, ...], event: Any) -> None:
        self._beat()
        self._host.emit(path, event)


class _Led(_Through):
    def __init__(self, host: Host, place: Callable[[tuple[str, ...], Target], tuple[str, ...]]) -> None:
        super().__init__(host)
        self._place = place

    def call(self, path: tuple[str, ...], target: Target, input: Any) -> Awaitable[Any]:
        return self._host.call(self._place(path[:-1], target), target, input)


class _Instead(_Through):
    """What it calls and asks is not what the node called and asked that failed."""

    def call(self, path: tuple[str, ...], target: Target, input: Any) -> Awaitable[Any]:
        return self._host.call((*path[:-1], f"{path[-1]}.instead"), target, input)

    def ask(self, asked: Asked) -> Any:
        asked.id += ".instead"
        return self._host.ask(asked)


class _LedContext(Context[D]):
    """A context whose questions are counted by somebody else."""

    __slots__ = ("_key",)

    def __init__(self, ctx: Context[D], host: _Through, key: Callable[[str | None], str]) -> None:
        super().__init__(ctx.run, ctx.path, ctx.deps, cast("Host", host), ctx)
        self._key = key

    def ask(self, payload: Any, *, key: str | None = None, **options: Any) -> Any:
        return super().ask(payload, key=self._key(key), **options)


def heard(ctx: Context[D], beat: Callable[[], None]) -> Context[D]:
    """The same context; ``beat`` is called for everything that it emits."""
    return _hosted(ctx, _Heard(ctx._host, beat))  # pyright: ignore[reportPrivateUsage]  # of this module


def led(
    ctx: Context[D], place: Callable[[tuple[str, ...], Target], tuple[str, ...]], key: Callable[[str | None], str]
) -> Context[D]:
    """The same context; ``place`` says at which path a call is on record, ``key`` as what a question is known."""
    return _LedContext(ctx, _Led(ctx._host, place), key)  # pyright: ignore[reportPrivateUsage]  # of this module


def instead(ctx: Context[D]) -> Context[D]:
    """The same context for what takes the place of a node; from now on ``interrupt`` asks on its behalf."""
    made = _hosted(ctx, _Instead(ctx._host))  # pyright: ignore[reportPrivateUsage]  # of this module
    CURRENT.set(made)
    return made


def with_deps(ctx: Context[Any], deps: D) -> Context[D]:
    """The same context with other dependencies."""
    own = ctx._of or ctx  # pyright: ignore[reportPrivateUsage]  # of this module
    return Context(ctx.run, ctx.path, deps, ctx._host, own)  # pyright: ignore[reportPrivateUsage]  # of this module


def _hosted(ctx: Context[D], host: _Through) -> Context[D]:
    own = ctx._of or ctx  # pyright: ignore[reportPrivateUsage]  # of this module
    return Context(ctx.run, ctx.path, ctx.deps, cast("Host", host), own)  # it hands on whatever it has not itself


CURRENT: ContextVar[Context[Any] | None] = ContextVar("weft.context", default=None)
"""On behalf of which activation ``interrupt`` asks, in this task."""


class NobodyAsks(UsageError):
    """A question where no activation runs that could wait for its answer."""


def interrupt(
    value: Any, *, schema: Any = None, key: str | None = None, expires: float | None = None, default: Any = UNSET
) -> Any:
    """Ask a person from wherever you are below a node or a tool: ``Context.ask`` for code that has no context.

    Raises:
        UsageError: no node or tool is running here.
        QuestionExpired: its time was over, and it has no default.
    """
    ctx = CURRENT.get()
    if ctx is None:
        raise NobodyAsks("interrupt() asks for a node or a tool that is running: here is none")
    return ctx.ask(value, schema=schema, key=key, expires=expires, default=default)


def ask_as(ctx: Context[Any], kind: Kind, key: str, payload: Any, schema: Any) -> Any:
    """A question of the framework's own, which does not count among those of the user's code."""
    path = ctx.path
    return ctx._host.ask(Asked("/".join((*path, key)), path, payload, schema, kind=kind))  # pyright: ignore[reportPrivateUsage]  # of this module


def intent_of(ctx: Context[Any]) -> Intent:
    """What is on record of something that this activation must do at most once."""
    return ctx._host.intent(ctx.path)  # pyright: ignore[reportPrivateUsage]  # of this module
