"""Steps on record in bursts: fewer transactions, the same record."""

import asyncio
import time
from itertools import pairwise
from operator import add
from typing import Annotated, Any, TypedDict

import pytest
from msgspec import Struct

from weft import END, START, App, Context, Send, StateGraph
from weft.engine.graph import Schedule
from weft.errors import GraphError
from weft.events import PASSING
from weft.runtime.journal import BRIEF
from weft.storage.base import Scope

ME = Scope("default", "local")


class Seen(TypedDict, total=False):
    seen: Annotated[list[int], add]


def counting(steps: int, durability: Any, effect: Any = "idempotent", pause: float = 0.0) -> Any:
    def count(state: Seen) -> Seen:
        time.sleep(pause)
        return {"seen": [len(state.get("seen", []))]}

    made = StateGraph(Seen, name="counting").add_node(count, effect=effect).add_edge(START, "count")
    made.add_conditional_edges("count", lambda state: "count" if len(state["seen"]) < steps else END)
    return made.compile(durability=durability)


def fanning(durability: Any, effect: Any = "idempotent") -> Any:
    async def one(number: int) -> Seen:
        return {"seen": [number]}

    made = StateGraph(Seen, name="fanning").add_node(one, effect=effect)
    made.add_conditional_edges(START, lambda state: [Send("one", number) for number in range(20)])
    return made.compile(durability=durability)


class Record(Struct):
    """What is left of a run."""

    heard: list[str]
    """Kinds of events that a listener was told, without those that pass."""
    steps: list[tuple[int, tuple[str, ...]]]
    commits: int
    finishing: int
    """Commits that keep activations of a step that is open."""


async def record(url: str, graph: Any, thread: str = "t") -> Record:
    async with App(targets=[graph], store=url) as app:
        commits, real = list[Any](), app.store.commit

        def commit(one: Any) -> Any:
            commits.append((bool(one.checkpoints), bool(one.finished)))
            return real(one)

        app.store.commit = commit  # pyright: ignore[reportAttributeAccessIssue]
        heard = [envelope async for envelope in app.stream(graph, {}, thread=thread)]
        past = await (await app.travel()).history(ME, thread, limit=1_000)
        stored = await app.events(ME, heard[0].run_id, limit=1_000)
    assert [one.seq for one in stored] == list(range(1, len(stored) + 1))
    told = [one.event for one in heard if type(one.event) not in PASSING]
    assert [type(event) for event in told] == [type(one.event) for one in stored]
    return Record(
        [type(event).__name__ for event in told],
        [(moment.step, moment.made_by) for moment in past],
        *map(sum, zip(*commits, strict=True)),
    )


async def test_a_burst_is_one_transaction_and_the_same_record(shared_url: str) -> None:
    alone = await record(shared_url, counting(100, "sync"), "alone")
    bursts = await record(shared_url, counting(100, "async"), "bursts")
    assert (bursts.heard, bursts.steps) == (alone.heard, alone.steps)
    assert alone.commits == 101
    assert bursts.commits <= 10, "32 steps to a transaction, and the input; more where the machine stood still"


async def test_activations_that_end_together_are_one_transaction(shared_url: str) -> None:
    alone = await record(shared_url, fanning("sync"), "alone")
    bursts = await record(shared_url, fanning("async"), "bursts")
    assert (bursts.steps, sorted(bursts.heard)) == (alone.steps, sorted(alone.heard))
    assert alone.finishing == 20
    assert bursts.finishing < 10


async def test_nodes_that_only_read_are_put_on_record_together(shared_url: str) -> None:
    alone = await record(shared_url, counting(100, "sync"), "alone")
    reads = await record(shared_url, counting(100, "sync", "read"), "reads")
    assert (reads.heard, reads.steps) == (alone.heard, alone.steps)
    assert reads.commits <= 10


async def test_those_that_read_side_by_side_too(shared_url: str) -> None:
    reads = await record(shared_url, fanning("sync", "read"))
    assert reads.finishing < 10


async def test_what_took_long_is_put_on_record_at_once(shared_url: str) -> None:
    reads = await record(shared_url, counting(5, "sync", "read", pause=2 * BRIEF))
    assert reads.commits == 6


def tells(app: App, told: list[tuple[str, int]]) -> None:
    """Have every step of the graph ``order`` told as soon as it is on record."""
    real = app.store.commit

    def commit(one: Any) -> Any:
        stored, steps = real(one), [row.step for row in one.checkpoints if row.path == "order"]
        if steps and stored.done():
            told.append(("stored", steps[-1]))
        elif steps:
            stored.add_done_callback(lambda _: told.append(("stored", steps[-1])))
        return stored

    app.store.commit = commit  # pyright: ignore[reportAttributeAccessIssue]


ORDER = ("read", "read", "idempotent", "idempotent", "read", "read", "once", "read")


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_what_does_more_than_read_begins_and_ends_on_record(shared_url: str, schedule: Schedule) -> None:
    told: list[tuple[str, int]] = []

    def node(number: int, effect: str) -> Any:
        async def run(state: Seen) -> Seen:
            told.append((effect, number))
            return {"seen": [number]}

        return run

    made = StateGraph(Seen, name="order")
    for number, effect in enumerate(ORDER):
        made.add_node(f"n{number}", node(number, effect), effect=effect)  # pyright: ignore[reportArgumentType]
    names = [START, *[f"n{number}" for number in range(len(ORDER))]]
    for before, after in pairwise(names):
        made.add_edge(before, after)
    graph = made.compile(schedule=schedule)
    async with App(targets=[graph], store=shared_url) as app:
        tells(app, told)
        result = await app.run(graph, {})
    assert result.output["seen"] == list(range(len(ORDER)))
    for at, (effect, number) in enumerate(told):
        if effect != "stored" and {effect, ORDER[max(0, number - 1)]} != {"read"}:
            assert max(step for what, step in told[:at] if what == "stored") == number + 1, told
    assert [one for one in told if one[0] != "stored"] == [(effect, number) for number, effect in enumerate(ORDER)]


@pytest.mark.parametrize(("durability", "effect"), [("sync", "read"), ("async", "idempotent")])
@pytest.mark.parametrize("turn", [False, True])
async def test_what_a_node_calls_begins_when_all_before_it_is_on_record(
    shared_url: str, durability: Any, effect: Any, turn: bool
) -> None:
    told: list[tuple[str, int]] = []

    async def acts(state: Seen) -> Seen:
        told.append(("acts", 0))
        return {"seen": [3]}

    async def calls(state: Seen, ctx: Context[Any]) -> Seen:
        if turn:
            await asyncio.sleep(0)  # what was held back is being put on record
        return await ctx.call(below, {})

    below = StateGraph(Seen, name="below").add_node(acts).add_edge(START, "acts").compile()
    made = StateGraph(Seen, name="order").add_node("one", lambda state: {"seen": [1]}, effect=effect)
    made.add_node("two", lambda state: {"seen": [2]}, effect=effect).add_node(calls, effect=effect)
    graph = made.add_sequence("one", "two", "calls").add_edge(START, "one").compile(durability=durability)
    url = shared_url.replace("?synchronous=NORMAL", "")
    async with App(targets=[graph], store=url) as app:
        tells(app, told)
        assert (await app.run(graph, {})).output == {"seen": [1, 2, 3]}
    assert told.index(("acts", 0)) > told.index(("stored", 3)), told


def test_another_word_is_refused() -> None:
    with pytest.raises(GraphError, match="'sync' or 'async', not 'exit'"):
        counting(1, "exit")
