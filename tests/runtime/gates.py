"""Graphs whose nodes wait until they are let through, and what became of their runs."""

import asyncio
import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from weft import START, App, StateGraph
from weft.storage.base import RunRecord, Scope

ME = Scope("default", "local")


ALL = Scope("default")


class Walk(TypedDict):
    seen: Annotated[list[str], operator.add]
    n: int


class Gates:
    """Nodes wait at their gate until it opens; who came by is kept."""

    def __init__(self, *shut: str) -> None:
        self.came: list[str] = []
        self.open = {name: asyncio.Event() for name in shut}

    def node(self, name: str) -> Callable[..., Any]:
        async def run(state: Walk) -> dict[str, Any]:
            self.came.append(name)
            if name in self.open:
                await self.open[name].wait()
            return {"seen": [name], "n": state["n"] + 1}

        return run

    async def at(self, name: str) -> None:
        async with asyncio.timeout(10):
            while name not in self.came:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


def chain(gates: Gates, *names: str, schedule: Any = "superstep", name: str = "walk") -> Any:
    graph = StateGraph(Walk, name=name)
    for one in names:
        graph.add_node(one, gates.node(one))
    for before, after in zip((START, *names), names, strict=False):
        graph.add_edge(before, after)
    return graph.compile(schedule=schedule)


async def until(app: App, run_id: str, *statuses: str) -> RunRecord:
    async with asyncio.timeout(10):
        while (record := await app.store.runs.get(ALL, run_id)).status not in statuses:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return record


async def told(app: App, run_id: str) -> list[Any]:
    seen = await app.events(ALL, run_id)
    assert [envelope.seq for envelope in seen] == list(range(1, len(seen) + 1))
    return [envelope.event for envelope in seen]


def of(kind: type, events: list[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def page() -> Any:
    from weft.storage.base import Page  # noqa: PLC0415

    return Page(limit=10)
