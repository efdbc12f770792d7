"""The task that runs here: what ``interrupt`` and its kin ask, without being handed anything."""

import asyncio
import hashlib
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from weft.engine.context import Asked, Interrupted
from weft.langgraph.words import Config, Interrupt, Runtime, StreamWriter


class Task:
    """One run of one node: its answers so far, and its ways out."""

    __slots__ = ("answers", "asked", "config", "emit", "id", "loop", "nested", "run", "runtime", "spare")

    def __init__(
        self,
        id: str,
        run: Any,
        config: Config,
        runtime: Runtime[Any],
        answers: list[Any],
        spare: Callable[["Task"], list[Any]],
    ) -> None:
        self.id, self.run, self.config, self.runtime, self.answers = id, run, config, runtime, answers
        self.spare = spare
        """Takes the answer that came without a question, if there is one."""
        self.asked = 0
        self.nested = 0
        self.loop = asyncio.get_running_loop()


running: ContextVar[Task | None] = ContextVar("weft_langgraph_task", default=None)


def task() -> Task:
    """Raises: RuntimeError (no node runs here)."""
    found = running.get()
    if found is None:
        raise RuntimeError("this is to be called from within a node of a graph that runs")
    return found


def interrupt(value: Any) -> Any:
    """The answer to ``value`` or, until there is one, a pause of the graph. The node begins again with the answer.

    Raises:
        RuntimeError: no node runs here.
    """
    now = task()
    index, now.asked = now.asked, now.asked + 1
    if index < len(now.answers):
        return now.answers[index]
    if answer := now.spare(now):
        now.answers.append(answer[0])
        return answer[0]
    id = hashlib.sha256(f"{now.id}:{index}".encode()).hexdigest()[:32]
    raise Interrupted((Asked(id, (now.id,), Interrupt(value, id), None),))


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
