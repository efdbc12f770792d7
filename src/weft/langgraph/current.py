"""The task that runs here: what ``interrupt`` and its kin ask, without being handed anything."""

import asyncio
import hashlib
from collections.abc import Callable
from contextvars import ContextVar
from threading import Lock
from typing import Any

from weft.langgraph.errors import GraphInterrupt
from weft.langgraph.words import Config, Interrupt, Runtime, StreamWriter


class Task:
    """One run of one node, or of one function that a node called: its answers so far, and its ways out."""

    __slots__ = (
        "activation",
        "answers",
        "asked",
        "called",
        "config",
        "emit",
        "error",
        "id",
        "lock",
        "loop",
        "nested", "pushed",
        "run",
        "running",
        "runtime",
        "spare",
    )  # fmt: skip

    def __init__(
        self,
        id: str,
        activation: str,
        run: Any,
        config: Config,
        runtime: Runtime[Any],
        answers: list[Any],
        spare: Callable[["Task"], list[Any]],
    ) -> None:
        self.id, self.activation, self.run, self.config = id, activation, run, config
        self.runtime, self.answers = runtime, answers
        self.spare = spare
        """Takes the answer that came without a question, if there is one."""
        self.asked = 0
        self.nested = 0
        self.called = 0
        self.pushed: dict[str, list[Any]] = {}
        """What it writes beside its result."""
        self.lock = Lock()
        self.running: list[Any] = []
        """Functions that it called: each as a task of the loop."""
        self.error: Any = None
        self.loop = asyncio.get_running_loop()


running: ContextVar[Task | None] = ContextVar("weft_langgraph_task", default=None)


def task() -> Task:
    """Raises: RuntimeError (no node runs here)."""
    found = running.get()
    if found is None:
        raise RuntimeError("Called get_config outside of a runnable context")
    return found


def interrupt(value: Any, *, response_schema: Any = None) -> Any:
    """The answer to ``value`` or, until there is one, a pause of the graph. The node begins again with the answer.

    ``response_schema`` is a class that an answer must fit, or a JSON Schema for whoever answers.

    Raises:
        RuntimeError: no node runs here.
    """
    now = task()
    index, now.asked = now.asked, now.asked + 1
    if index < len(now.answers):
        return _fitting(now.answers[index], response_schema)
    if answer := now.spare(now):
        now.answers.append(answer[0])
        return _fitting(answer[0], response_schema)
    raise GraphInterrupt((Interrupt(value, asked_id(now.id, index), response_schema=_schema(response_schema)),))


def asked_id(task: str, index: int) -> str:
    """Under which id a task asks for the answer number ``index``."""
    return hashlib.sha256(f"{task}:{index}".encode()).hexdigest()[:32]


def _fitting(answer: Any, schema: Any) -> Any:
    if schema is None or isinstance(schema, dict):
        return answer
    from pydantic import TypeAdapter  # noqa: PLC0415  # only who asks for it pays for it

    return TypeAdapter(schema).validate_python(answer)


def _schema(schema: Any) -> Any:
    if schema is None or isinstance(schema, dict):
        return schema  # pyright: ignore[reportUnknownVariableType]  # the user's
    from pydantic import TypeAdapter  # noqa: PLC0415  # only who asks for it pays for it

    return TypeAdapter(schema).json_schema()


def get_stream_writer() -> StreamWriter:
    """What sends to ``stream_mode="custom"``."""
    return task().runtime.stream_writer


def get_config() -> Config:
    """The config of the task."""
    return task().config


def get_store() -> Any:
    """The store that the graph was compiled with."""
    return task().runtime.store


def get_runtime(context_schema: Any = None) -> Runtime[Any]:
    """Context, store and stream writer of the task."""
    return task().runtime
