"""A context for tools that are called without a run."""

from collections.abc import Awaitable
from typing import Any

import pytest

from weft.engine.context import Asked, Context, Intent, Interrupted, Target


class Recorded:
    """A host that keeps what is emitted, and answers what it was given answers to."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.given: dict[str, Any] = {}

    def emit(self, path: tuple[str, ...], event: Any) -> None:
        self.events.append(event)

    def call(self, path: tuple[str, ...], target: Target, input: Any) -> Awaitable[Any]:
        raise AssertionError("no tool here calls another target")

    def ask(self, asked: Asked) -> Any:
        if asked.id in self.given:
            return self.given[asked.id]
        raise Interrupted((asked,))

    def intent(self, path: tuple[str, ...]) -> Intent:
        raise AssertionError("no tool here is called by an agent")


class Run:
    id, thread_id, workspace, user_id = "run_1", "t1", "default", "u1"
    store = None


@pytest.fixture
def host() -> Recorded:
    return Recorded()


@pytest.fixture
def ctx(host: Recorded) -> Context[Any]:
    return Context(Run(), ("desk", "act#1"), {"city": "Rome"}, host)
