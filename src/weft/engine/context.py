"""What a node or a tool may know and do while it runs. Seven names; it does not grow."""

from collections.abc import Awaitable
from typing import Any, Generic, Protocol, TypeVar

from weft.errors import LimitExceeded

D = TypeVar("D")


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
    def meter(self) -> Any:
        """What holds its limits and budgets."""
        ...


class Host(Protocol):
    """What stands behind a context: the runtime, seen from the engine."""

    def emit(self, path: tuple[str, ...], event: Any) -> None: ...

    def call(self, path: tuple[str, ...], target: Target, input: Any) -> Awaitable[Any]: ...

    def answers(self) -> dict[str, Any]: ...


class Interrupted(BaseException):
    """A node cannot go on for now: questions have no answer yet, or a limit stops it. Control flow, not an error."""

    def __init__(self, questions: "tuple[Asked, ...]", stop: LimitExceeded | None = None) -> None:
        super().__init__(", ".join(question.id for question in questions))
        self.questions = questions
        self.stop = stop


class Asked:
    """A question as a node put it."""

    __slots__ = ("id", "path", "payload", "schema")

    def __init__(self, id: str, path: tuple[str, ...], payload: Any, schema: dict[str, Any] | None) -> None:
        self.id, self.path, self.payload, self.schema = id, path, payload, schema


class Context(Generic[D]):
    """Given to every node and tool that asks for it.

    ``run`` says which run this is and for whom; ``path`` where in it; ``deps`` is what the
    application gave to the run (clients, a database); ``idempotency_key`` is the same when this
    activation runs again after a crash; ``emit``, ``call`` and ``ask`` are all that it can do.
    """

    __slots__ = ("_asked", "_called", "_host", "deps", "path", "run")

    def __init__(self, run: RunInfo, path: tuple[str, ...], deps: D, host: Host) -> None:
        self.run = run
        self.path = path
        self.deps = deps
        self._host = host
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
        self._called += 1
        return await self._host.call((*self.path, f"{target.name}#{self._called}"), target, input)

    def ask(self, payload: Any, *, schema: dict[str, Any] | None = None, key: str | None = None) -> Any:
        """The answer to a question, or a pause until a person gives one.

        The activation runs again from its start when the answer is there, so ask before you act.
        Questions are told apart by their order, or by ``key``.
        """
        self._asked += 1
        id = "/".join((*self.path, key or f"ask#{self._asked}"))
        answers = self._host.answers()
        if id in answers:
            return answers[id]
        raise Interrupted((Asked(id, self.path, payload, schema),))
