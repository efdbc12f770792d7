"""Graphs and tools that ask people, and runs that wait for them."""

import asyncio
import operator
from collections import Counter
from typing import Annotated, Any, TypedDict

from weft import START, App, StateGraph, interrupt
from weft.events import Question
from weft.storage.base import Scope

ME = Scope("default", "local")


async def until(app: App, run_id: str, status: str) -> None:
    """The run has come to this status, perhaps through others."""
    async with asyncio.timeout(10):
        while (await app.store.runs.get(ME, run_id)).status != status:  # noqa: ASYNC110  # of another process, perhaps
            await asyncio.sleep(0.01)


class Notes(TypedDict, total=False):
    said: Annotated[list[str], operator.add]


def asking(*nodes: str, done: Counter[str], schedule: Any = "superstep", quiet: tuple[str, ...] = ()) -> Any:
    """Nodes side by side; each asks (but for the quiet ones), then does something that is counted."""
    graph = StateGraph(Notes, name="g")

    def add(name: str) -> None:
        def run(state: Notes) -> Notes:
            answer = "nothing" if name in quiet else interrupt(f"{name}?")
            done[name] += 1
            return {"said": [f"{name}={answer}"]}

        graph.add_node(name, run).add_edge(START, name)

    for name in nodes:
        add(name)
    return graph.compile(schedule=schedule)


def by_payload(result: Any) -> dict[Any, Question]:
    return {question.payload: question for question in result.questions}
