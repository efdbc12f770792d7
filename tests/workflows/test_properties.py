"""Random graphs: the same result in every run and under both schedules, and from any step on after a stop."""

import asyncio
import itertools
import operator
from typing import Annotated, Any, TypedDict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.graphs import Notes
from weft import END, START, Send, StateGraph
from weft.engine.scheduler import drive
from weft.engine.step import Checkpoint, begin
from weft.runtime import codec
from weft.storage.base import SlotRow, Snapshot


class State(TypedDict, total=False):
    seen: Annotated[list[str], operator.add]
    total: Annotated[int, operator.add]
    left: Annotated[int, min]


@st.composite
def shapes(draw: Any) -> dict[str, Any]:
    """Layers of nodes; edges, joins, sends, loops back and deferred nodes between them."""
    widths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    layers = [[f"n{depth}_{place}" for place in range(width)] for depth, width in enumerate(widths)]
    edges: list[tuple[Any, str]] = [(START, name) for name in layers[0]]
    for above, below in itertools.pairwise(layers):
        for name in below:
            starts = draw(st.lists(st.sampled_from(above), min_size=1, max_size=3, unique=True))
            edges.append((starts if len(starts) > 1 and draw(st.booleans()) else starts[0], name))
    every = [name for layer in layers for name in layer]
    return {
        "names": every,
        "edges": edges,
        "sends": draw(st.dictionaries(st.sampled_from(every), st.integers(0, 3), max_size=2)),
        "loop": draw(st.integers(0, 3)),
        "defer": draw(st.booleans()),
        "pauses": draw(st.dictionaries(st.sampled_from(every), st.integers(0, 3), max_size=3)),
    }


def built(shape: dict[str, Any], schedule: Any, pauses: dict[str, int]) -> Any:
    graph = StateGraph(State, name="random")

    def node(name: str) -> Any:
        async def run(state: State) -> dict[str, Any]:
            for _ in range(pauses.get(name, 0)):
                await asyncio.sleep(0)
            return {"seen": [name], "total": 1, **({"left": state.get("left", 0) - 1} if name == "again" else {})}

        return run

    async def sent(number: int) -> dict[str, Any]:
        return {"seen": [f"sent {number}"], "total": number}

    for name in shape["names"]:
        graph.add_node(name, node(name))
    graph.add_node("sent", sent).add_node("again", node("again"), defer=shape["defer"])
    graph.add_edge(START, "again")
    graph.add_conditional_edges("again", lambda state: "again" if state["left"] > 0 else END, ["again", END])
    for start, end in shape["edges"]:
        graph.add_edge(start, end)
    for name, count in shape["sends"].items():
        graph.add_conditional_edges(name, lambda state, count=count: [Send("sent", i) for i in range(count)], ["sent"])
    if not shape["sends"]:
        graph.add_conditional_edges(START, lambda state: [Send("sent", 9)], ["sent"])
    return graph.compile(schedule=schedule).graph()


async def run(graph: Any, left: int) -> tuple[Checkpoint, list[Checkpoint]]:
    notes = Notes()
    first = begin(graph, Checkpoint(), {"left": left})
    return await drive(graph, first, notes), [first, *notes.committed]


def stored(graph: Any, checkpoints: list[Checkpoint]) -> Checkpoint:
    """The last of them, as it comes back from bytes."""
    slots, rows, head = codec.Slots(graph), list[Any](), None
    for checkpoint in checkpoints:
        head = codec.dump_checkpoint(graph, checkpoint, slots, "")
        for op, bodies in (("set", head.values), ("append", head.added)):
            rows += [(head.step, SlotRow(channel=name, op=op, body=body)) for name, body in bodies.items()]
    assert head is not None
    ranges = head.ranges | dict.fromkeys(head.values, (head.step, head.step))
    kept = [
        (step, slot)
        for step, slot in rows
        if slot.channel in ranges and ranges[slot.channel][0] <= step <= ranges[slot.channel][1]
    ]
    snapshot = Snapshot(step=head.step, version="", head=head.head, slots=tuple(kept), ranges=ranges, finished=())
    return codec.load_checkpoint(graph, snapshot, codec.Slots(graph))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shape=shapes())
def test_one_result_whatever_the_timing_and_wherever_it_was_stopped(shape: dict[str, Any]) -> None:
    left = shape["loop"]

    async def check() -> None:
        graph = built(shape, "superstep", {})
        end, steps = await run(graph, left)
        other, _ = await run(built(shape, "superstep", shape["pauses"]), left)
        assert other.values == end.values
        for at in range(len(steps)):
            resumed = await drive(graph, stored(graph, steps[: at + 1]), Notes())
            assert graph.leave(resumed.values) == graph.leave(end.values)
        eager = built(shape, "eager", shape["pauses"])
        loose, commits = await run(eager, left)
        assert sorted(loose.values["seen"]) == sorted(end.values["seen"])
        assert loose.values["total"] == end.values["total"]
        for at in range(0, len(commits), 2):
            resumed = await drive(eager, stored(eager, commits[: at + 1]), Notes())
            assert sorted(resumed.values["seen"]) == sorted(end.values["seen"])

    asyncio.run(check())


def test_what_a_step_stores_does_not_grow_with_the_state() -> None:
    class Log(TypedDict, total=False):
        lines: Annotated[list[str], operator.add]
        n: Annotated[int, operator.add]
        big: str

    graph = (
        StateGraph(Log).add_node("go", lambda state: {"lines": ["x" * 100], "n": 1})
        .add_edge(START, "go")
        .add_conditional_edges("go", lambda state: "go" if state["n"] < 1000 else END, ["go", END])
        .compile().graph()
    )  # fmt: skip
    notes = Notes()
    first = begin(graph, Checkpoint(), {"big": "y" * 100_000})
    asyncio.run(drive(graph, first, notes, max_steps=2000))
    slots = codec.Slots(graph)
    codec.dump_checkpoint(graph, first, slots, "")
    sizes = [
        sum(map(len, (*row.values.values(), *row.added.values())))
        for row in [codec.dump_checkpoint(graph, checkpoint, slots, "") for checkpoint in notes.committed]
    ]
    assert len(sizes) == 1000
    assert sorted(sizes)[990] <= sizes[10] + 8, "but for the few steps that write a base anew"
    assert sum(sizes) < 2.5 * 1000 * 105
