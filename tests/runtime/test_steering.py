"""Random orders to one run: what it does is what a few lines of Python say; no step is lost, and none is done twice."""

import asyncio
import operator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft import START, App, Breakpoint, StateGraph
from weft.events import RunSteered
from weft.runtime.commands import holds
from weft.storage.base import Scope

NODES = "abcdefgh"
ME = Scope("default")
orders = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(1, 4)),
        st.tuples(st.just("resume"), st.none()),
        st.tuples(st.just("points"), st.frozensets(st.integers(0, len(NODES) - 1), max_size=3)),
        st.tuples(st.just("write"), st.integers(0, 9)),
        st.tuples(st.just("elsewhere"), st.none()),
    ),
    max_size=12,
)


class Model:
    """How far the run is, and where it stops."""

    def __init__(self) -> None:
        self.at, self.points, self.passed, self.written = 0, frozenset({0}), 0, 0
        self.told = 1

    def go(self, steps: int | None) -> None:
        while self.at < len(NODES):
            if self.at in self.points and self.passed != self.at:
                self.passed = self.at
                return
            if steps == 0:
                return
            self.at += 1
            steps = None if steps is None else steps - 1


class Walk(TypedDict):
    seen: Annotated[list[str], operator.add]
    n: Annotated[int, operator.add]


@pytest.mark.blocks
@settings(max_examples=30, deadline=None)
@given(orders)
def test_random_orders(given: list[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(steered(Path(folder), given))


def chain(came: list[str]) -> Any:
    """A node after the other, each of which says that it came."""
    graph = StateGraph(Walk, name="walk")
    for name in NODES:

        async def run(state: Walk, name: str = name) -> dict[str, Any]:
            came.append(name)
            return {"seen": [name]}

        graph.add_node(name, run)
    for before, after in zip((START, *NODES), NODES, strict=False):
        graph.add_edge(before, after)
    return graph.compile()


async def steered(folder: Path, given: list[tuple[str, Any]]) -> None:
    came: list[str] = []
    compiled, model, apps = chain(came), Model(), list[App]()

    def open_app() -> App:
        apps.append(App(targets=[compiled], store=f"sqlite:///{folder}/weft.db?synchronous=OFF"))
        return apps[-1]

    app = open_app()
    result = await app.run(compiled, {"seen": [], "n": 0}, breakpoints=[Breakpoint(node="a")])
    for what, value in [*given, ("points", frozenset[int]()), ("resume", None)]:
        assert list(NODES[: model.at]) == came
        if not result.paused:
            break
        control = await app.control(result.run_id)
        match what:
            case "step" | "resume":
                result = await app.resume(result.run_id, steps=value)
                model.go(value)
                model.told += 1
            case "points":
                await control.break_at(*[Breakpoint(node=NODES[index]) for index in sorted(value)])
                model.points = value
                model.told += 1
            case "write":
                await control.modify({"n": value})
                model.written += value
                model.told += 1
            case _:
                app = open_app()
    assert result.status == "finished"
    assert (came, result.output) == (list(NODES), {"seen": list(NODES), "n": model.written})
    await app.open()
    envelopes = await app.events(ME, result.run_id)
    assert [one.seq for one in envelopes] == list(range(1, len(envelopes) + 1))
    numbers = [one.event.number for one in envelopes if isinstance(one.event, RunSteered)]
    assert numbers == list(range(1, model.told + 1))
    for one in apps:
        await one.close()


@pytest.mark.parametrize(
    ("condition", "true"),
    [
        ("n", True), ("n == 3", True), ("n >= 4", False), ('s == "x"', True), ("s < 4", False), ("l[1].k", True),
        ("l[1].k != 2", True), ("l[7]", False), ("l.k", False), ("m", False), ("n.k.j", False), ("none == null", True),
    ],
)  # fmt: skip
def test_conditions(condition: str, true: bool) -> None:
    values = {"n": 3, "s": "x", "l": [0, {"k": 1}], "none": None}
    assert holds(condition, values) is true
