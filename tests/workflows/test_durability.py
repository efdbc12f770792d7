"""Steps on record in bursts: fewer transactions, the same record."""

from operator import add
from typing import Annotated, Any, TypedDict

import pytest
from msgspec import Struct

from weft import END, START, App, Send, StateGraph
from weft.errors import GraphError
from weft.events import PASSING
from weft.storage.base import Scope

ME = Scope("default", "local")


class Seen(TypedDict, total=False):
    seen: Annotated[list[int], add]


def counting(steps: int, durability: Any) -> Any:
    async def count(state: Seen) -> Seen:
        return {"seen": [len(state.get("seen", []))]}

    made = StateGraph(Seen, name="counting").add_node(count).add_edge(START, "count")
    made.add_conditional_edges("count", lambda state: "count" if len(state["seen"]) < steps else END)
    return made.compile(durability=durability)


def fanning(durability: Any) -> Any:
    async def one(number: int) -> Seen:
        return {"seen": [number]}

    made = StateGraph(Seen, name="fanning").add_node(one)
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


async def record(url: str, graph: Any) -> Record:
    thread = graph.graph().durability
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
    alone = await record(shared_url, counting(100, "sync"))
    bursts = await record(shared_url, counting(100, "async"))
    assert (bursts.heard, bursts.steps) == (alone.heard, alone.steps)
    assert alone.commits == 101
    assert bursts.commits <= 5, "32 steps to a transaction, and the input"


async def test_activations_that_end_together_are_one_transaction(shared_url: str) -> None:
    alone, bursts = await record(shared_url, fanning("sync")), await record(shared_url, fanning("async"))
    assert (bursts.steps, sorted(bursts.heard)) == (alone.steps, sorted(alone.heard))
    assert alone.finishing == 20
    assert bursts.finishing < 5


def test_another_word_is_refused() -> None:
    with pytest.raises(GraphError, match="'sync' or 'async', not 'exit'"):
        counting(1, "exit")
