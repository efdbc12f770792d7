"""Small graphs for tests, and a recorder that keeps everything in lists."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from weft.engine.channels import Channel
from weft.engine.context import Asked, Context, Intent, Interrupted
from weft.engine.graph import Graph, Node, NodeFn, Schedule, State, Update
from weft.engine.policy import DEFAULT, Policy
from weft.engine.step import Activation, Checkpoint


class Info:
    id, thread_id, workspace, user_id, usage = "run_1", "thread_1", "default", "local", None


class Notes:
    """A recorder and host that keeps what it is told."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.begun: list[tuple[str, int]] = []
        self.done: list[str] = []
        self.failures: list[tuple[str, str, bool]] = []
        self.committed: list[Checkpoint] = []
        self.given = answers or {}
        self.kept: dict[str, Update] = {}

    def context(self, activation: Activation) -> Context[Any]:
        return Context(Info(), ("g", activation.id), None, self)

    def started(self, activation: Activation, attempt: int) -> None:
        self.begun.append((activation.id, attempt))

    def finished(self, activation: Activation, update: Update, *, alone: bool) -> None:
        self.done.append(activation.id)
        if not alone:
            self.kept[activation.id] = update

    def failed(self, activation: Activation, error: Exception, attempt: int, *, retrying: bool) -> None:
        self.failures.append((activation.id, type(error).__name__, retrying))

    def edge(self, checkpoint: Checkpoint) -> Checkpoint | None:
        return None

    def commit(self, checkpoint: Checkpoint) -> Awaitable[None] | None:
        self.committed.append(checkpoint)
        return None

    def emit(self, path: tuple[str, ...], event: Any) -> None: ...

    def call(self, path: tuple[str, ...], target: Any, input: Any) -> Awaitable[Any]:
        raise AssertionError("no graph here calls another")

    def ask(self, asked: Asked) -> Any:
        if asked.id in self.given:
            return self.given[asked.id]
        raise Interrupted((asked,))

    def intent(self, path: tuple[str, ...]) -> Intent:
        raise AssertionError("nothing here must happen only once")


def node(name: str, run: NodeFn | None = None, *, then: Sequence[str] = (), **options: Any) -> Node:
    """A node; without ``run`` it appends its name to the channel ``log``."""
    return Node(name=name, run=run or logs(name), then=tuple(then), **options)


def logs(name: str) -> NodeFn:
    async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
        return Update({"log": (name if payload is None else f"{name}:{payload}",)})

    return run


def writes(**values: Any) -> NodeFn:
    async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
        return Update(values)

    return run


def graph(
    *nodes: Node,
    channels: Mapping[str, Channel],
    start: Sequence[str],
    enter: Callable[[Any], Mapping[str, Any]] | None = None,
    schedule: Schedule = "superstep",
    writers: Mapping[str, frozenset[str]] | None = None,
) -> Graph:
    return Graph(
        "g",
        channels=channels,
        nodes=nodes,
        enter=lambda input: Update(enter(input) if enter else {}, goto=tuple(start)),
        leave=dict,
        schedule=schedule,
        writers=writers or {},
    )


def policy(**options: Any) -> Policy:
    return Policy(**options) if options else DEFAULT
