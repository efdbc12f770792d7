"""The loop: what runs side by side, retries, time limits, error routes, questions, cancelling."""

import asyncio
from typing import Any

import pytest

from tests.engine.graphs import Notes, graph, node, policy, writes
from weft.engine.channels import LastValue, Topic
from weft.engine.context import Context
from weft.engine.graph import Node, NodeFn, Send, State, Update
from weft.engine.policy import Failure, Retry
from weft.engine.scheduler import Paused, drive
from weft.engine.step import Checkpoint, begin
from weft.errors import GraphError, ModelUnavailable, NodeTimeout

LOG = {"log": Topic(str)}


def sleeps(seconds: float, name: str, seen: list[str]) -> NodeFn:
    async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            seen.append(f"{name} cancelled")
            raise
        seen.append(name)
        return Update({"log": (name,)})

    return run


def fails(error: Exception, times: int = 10**9) -> NodeFn:
    left = times

    async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
        nonlocal left
        left -= 1
        if left >= 0:
            raise error
        return Update({"log": ("at last",)})

    return run


async def test_a_step_runs_side_by_side_and_commits_in_the_order_of_the_names() -> None:
    seen: list[str] = []
    on = graph(
        node("a slow one", sleeps(0.02, "slow", seen)), node("quick", sleeps(0, "quick", seen)),
        channels=LOG, start=["quick", "a slow one"],
    )  # fmt: skip
    notes = Notes()
    end = await drive(on, begin(on, Checkpoint(), None), notes)
    assert seen == ["quick", "slow"]
    assert end.values["log"] == ("slow", "quick")
    assert len(notes.committed) == 1


async def test_eager_commits_each_when_it_is_done_and_a_slow_branch_holds_nobody_up() -> None:
    seen: list[str] = []
    on = graph(
        node("slow", sleeps(0.05, "slow", seen)),
        node("quick", sleeps(0, "quick", seen), then=["next"]), node("next", sleeps(0, "next", seen)),
        channels=LOG, start=["slow", "quick"], schedule="eager",
    )  # fmt: skip
    notes = Notes()
    end = await drive(on, begin(on, Checkpoint(), None), notes)
    assert seen == ["quick", "next", "slow"]
    assert end.values["log"] == ("quick", "next", "slow")
    assert [len(c.frontier) for c in notes.committed] == [2, 1, 0]


async def test_one_failure_cancels_its_siblings_and_waits_for_them() -> None:
    seen: list[str] = []
    on = graph(
        node("a slow one", sleeps(5, "slow", seen)), node("bad", fails(ValueError("no"))),
        channels=LOG, start=["a slow one", "bad"],
    )  # fmt: skip
    with pytest.raises(ValueError, match="no"):
        await drive(on, begin(on, Checkpoint(), None), Notes())
    assert seen == ["slow cancelled"]


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_cancelling_leaves_nothing_running(schedule: Any) -> None:
    seen: list[str] = []
    on = graph(
        node("a", sleeps(5, "a", seen)), node("b", sleeps(5, "b", seen)),
        channels=LOG, start=["a", "b"], schedule=schedule,
    )  # fmt: skip
    task = asyncio.create_task(drive(on, begin(on, Checkpoint(), None), Notes()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(seen) == ["a cancelled", "b cancelled"]
    assert len(asyncio.all_tasks()) == 1


async def test_retries_until_it_works() -> None:
    retry = Retry(attempts=3, pause=0.001)
    on = graph(node("a", fails(ModelUnavailable("busy"), 2), policy=policy(retry=retry)), channels=LOG, start=["a"])
    notes = Notes()
    end = await drive(on, begin(on, Checkpoint(), None), notes)
    assert end.values["log"] == ("at last",)
    assert notes.begun == [("1:a", 1), ("1:a", 2), ("1:a", 3)]
    assert notes.failures == [("1:a", "ModelUnavailable", True)] * 2


@pytest.mark.parametrize(
    ("retry", "error", "attempts"),
    [
        (Retry(attempts=2, pause=0.001), ModelUnavailable("busy"), 2),
        (Retry(attempts=5, pause=0.001), ValueError("a bug"), 1),
        (Retry(attempts=2, pause=0.001, on=(ValueError,)), ValueError("known"), 2),
        (Retry(attempts=2, pause=0.001, on=lambda error: "known" in str(error)), ValueError("known"), 2),
        (None, ModelUnavailable("busy"), 1),
    ],
)
async def test_gives_up_when_the_policy_says_so(retry: Retry | None, error: Exception, attempts: int) -> None:
    on = graph(node("a", fails(error), policy=policy(retry=retry)), channels=LOG, start=["a"])
    notes = Notes()
    with pytest.raises(type(error)):
        await drive(on, begin(on, Checkpoint(), None), notes)
    assert len(notes.begun) == attempts
    assert notes.failures[-1][2] is False


async def test_a_node_that_takes_too_long_is_stopped() -> None:
    seen: list[str] = []
    on = graph(node("a", sleeps(5, "a", seen), policy=policy(timeout=0.01)), channels=LOG, start=["a"])
    with pytest.raises(NodeTimeout, match=r"0\.01 s"):
        await drive(on, begin(on, Checkpoint(), None), Notes())
    assert seen == ["a cancelled"]


async def test_an_error_route_takes_over_with_the_failure() -> None:
    told: list[Failure] = []

    async def mend(state: State, payload: Any, ctx: Context[Any]) -> Update:
        told.append(payload)
        return Update({"log": ("mended",)})

    on = graph(
        node("a", fails(ValueError("no")), then=["never"], policy=policy(on_error="mend")),
        node("never", writes(log=("never",))), node("mend", mend),
        channels=LOG, start=["a"],
    )  # fmt: skip
    end = await drive(on, begin(on, Checkpoint(), None), Notes())
    assert "mended" in end.values["log"]
    assert "never" not in end.values["log"]
    assert told == [Failure(node="a", code="bug", message="ValueError: no")]


async def test_a_forbidden_write_fails_the_node_and_changes_nothing() -> None:
    on = graph(
        node("a", writes(x=1)), node("b"),
        channels={"x": LastValue(int)}, start=["a"], writers={"x": frozenset({"b"})},
    )  # fmt: skip
    notes = Notes()
    with pytest.raises(GraphError, match="may not write"):
        await drive(on, begin(on, Checkpoint(), None), notes)
    assert notes.committed == []


async def test_nodes_cannot_change_the_state_they_see() -> None:
    async def meddles(state: Any, payload: Any, ctx: Context[Any]) -> Update:
        state["log"] = ("mine",)
        return Update()

    on = graph(node("a", meddles), channels=LOG, start=["a"])
    with pytest.raises(TypeError):
        await drive(on, begin(on, Checkpoint(), None), Notes())


def asks(name: str, seen: list[str]) -> NodeFn:
    async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
        answer = ctx.ask(f"{name}?")
        seen.append(name)
        return Update({"log": (f"{name}={answer}",)})

    return run


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_questions_pause_and_what_was_done_is_not_done_again(schedule: Any) -> None:
    seen: list[str] = []
    on = graph(
        node("a", asks("a", seen)), node("b", sleeps(0, "b", seen)), node("c", asks("c", seen)),
        channels=LOG, start=["a", "b", "c"], schedule=schedule,
    )  # fmt: skip
    notes = Notes()
    with pytest.raises(Paused) as paused:
        await drive(on, begin(on, Checkpoint(), None), notes)
    assert [(q.id, q.payload) for q in paused.value.questions] == [("g/1:a/ask#1", "a?"), ("g/1:c/ask#1", "c?")]
    assert seen == ["b"]
    checkpoint = notes.committed[-1] if notes.committed else begin(on, Checkpoint(), None)
    answers = {"g/1:a/ask#1": 1, "g/1:c/ask#1": 2}
    end = await drive(on, checkpoint, Notes(answers), finished=notes.kept)
    assert seen == ["b", "a", "c"]
    assert sorted(end.values["log"]) == ["a=1", "b", "c=2"]


async def test_a_loop_without_an_end_meets_the_limit() -> None:
    on = graph(node("a", then=["a"]), channels=LOG, start=["a"])
    notes = Notes()
    with pytest.raises(Paused) as paused:
        await drive(on, begin(on, Checkpoint(), None), notes, max_steps=10)
    assert "does it loop" in str(paused.value.stop)
    assert len(notes.committed) == 10


async def test_map_and_join() -> None:
    async def fan(state: State, payload: Any, ctx: Context[Any]) -> Update:
        return Update(sends=[Send("work", index) for index in range(5)])

    on = graph(
        node("fan", fan), Node(name="work", run=node("work").run, then=("join",)), node("join"),
        channels=LOG, start=["fan"],
    )  # fmt: skip
    end = await drive(on, begin(on, Checkpoint(), None), Notes())
    assert end.values["log"] == ("work:0", "work:1", "work:2", "work:3", "work:4", "join")
