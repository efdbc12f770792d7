"""The step algebra, as tables: what a checkpoint is after given updates."""

import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.graphs import graph, node
from weft.engine.channels import UNSET, Barrier, BinaryOperatorAggregate, Channel, Ephemeral, LastValue, Topic
from weft.engine.graph import Graph, Node, Send, Update
from weft.engine.step import Checkpoint, apply, begin
from weft.errors import GraphError


def run_step(on: Graph, checkpoint: Checkpoint, *updates: Update) -> Checkpoint:
    """Apply one update for each activation of the frontier."""
    return apply(on, checkpoint, list(zip(checkpoint.frontier, updates, strict=True)))


MERGES: list[tuple[Channel, Any, list[Any], Any]] = [
    (LastValue(int), UNSET, [1], 1),
    (LastValue(int), 1, [2], 2),
    (BinaryOperatorAggregate(operator.add, int, int), UNSET, [1, 2], 3),
    (BinaryOperatorAggregate(operator.add, int, int), 4, [1], 5),
    (BinaryOperatorAggregate(max, int), UNSET, [3, 9, 4], 9),
    (BinaryOperatorAggregate(operator.add, list[int], list), UNSET, [[1], [2]], [1, 2]),
    (Topic(str), UNSET, [("a",), ("b", "c")], ("a", "b", "c")),
    (Topic(str), ("a",), [("b",)], ("a", "b")),
    (Ephemeral(int), 1, [2, 3], 3),
    (Barrier(frozenset("ab")), UNSET, ["b"], ("b",)),
    (Barrier(frozenset("ab")), ("b",), ["a"], ("a", "b")),
]


@pytest.mark.parametrize(("channel", "value", "updates", "after"), MERGES)
def test_merge(channel: Channel, value: Any, updates: list[Any], after: Any) -> None:
    assert channel.merge(value, updates) == after


def test_merge_never_changes_the_value_it_was_given() -> None:
    before = [1]
    BinaryOperatorAggregate(operator.add, list[int], list).merge(before, [[2]])
    assert before == [1]


def test_two_writers_of_a_last_value_are_refused_and_the_checkpoint_is_still_good() -> None:
    on = graph(node("a"), node("b"), channels={"x": LastValue(int)}, start=["a", "b"])
    checkpoint = begin(on, Checkpoint(), None)
    with pytest.raises(GraphError, match=r"'x'.*2 nodes wrote.*reducer"):
        run_step(on, checkpoint, Update({"x": 1}), Update({"x": 2}))
    assert run_step(on, checkpoint, Update({"x": 1}), Update()).values == {"x": 1}


def test_a_diamond_runs_its_end_once_and_in_order() -> None:
    on = graph(
        node("a", then=["b", "c"]), node("b", then=["d"]), node("c", then=["d"]), node("d"),
        channels={"log": Topic(str)}, start=["a"],
    )  # fmt: skip
    checkpoint = begin(on, Checkpoint(), None)
    seen: list[list[str]] = []
    while checkpoint.frontier:
        seen.append([activation.node for activation in checkpoint.frontier])
        checkpoint = run_step(on, checkpoint, *[Update({"log": (a.node,)}) for a in checkpoint.frontier])
    assert seen == [["a"], ["b", "c"], ["d"]]
    assert checkpoint.values["log"] == ("a", "b", "c", "d")


def test_sends_are_one_activation_each_with_their_payload() -> None:
    on = graph(node("a"), node("w"), channels={}, start=["a"])
    checkpoint = run_step(on, begin(on, Checkpoint(), None), Update(sends=[Send("w", 1), Send("w", 2)]))
    assert [(a.id, a.payload) for a in checkpoint.frontier] == [("2:w#0", 1), ("2:w#1", 2)]


def test_an_ephemeral_value_lives_for_one_step() -> None:
    on = graph(node("a", then=["b"]), node("b", then=["c"]), node("c"), channels={"x": Ephemeral(int)}, start=["a"])
    checkpoint = run_step(on, begin(on, Checkpoint(), None), Update({"x": 1}))
    assert checkpoint.values == {"x": 1}
    assert run_step(on, checkpoint, Update()).values == {}


def test_in_an_eager_graph_an_ephemeral_value_stays_for_a_listener_that_has_not_run() -> None:
    listener = Node(name="l", run=node("l").run, listens=("x",))
    on = graph(node("a"), node("b"), listener, channels={"x": Ephemeral(int)}, start=["a", "b"], schedule="eager")
    checkpoint = begin(on, Checkpoint(), None)
    a, b = checkpoint.frontier
    checkpoint = apply(on, checkpoint, [(a, Update({"x": 1}))])
    assert [one.node for one in checkpoint.frontier] == ["b", "l"]
    checkpoint = apply(on, checkpoint, [(b, Update())])
    assert checkpoint.values == {"x": 1}
    assert apply(on, checkpoint, [(checkpoint.frontier[0], Update())]).values == {}


def test_a_barrier_wakes_its_listener_when_all_have_written_and_closes_again() -> None:
    end = Node(name="end", run=node("end").run, listens=("join",))
    on = graph(node("a"), node("b"), end, channels={"join": Barrier(frozenset("ab"))}, start=["a", "b"])
    checkpoint = begin(on, Checkpoint(), None)
    half = run_step(on, checkpoint, Update({"join": "a"}), Update())
    assert half.frontier == ()
    assert half.values == {"join": ("a",)}
    full = run_step(on, checkpoint, Update({"join": "a"}), Update({"join": "b"}))
    assert [a.node for a in full.frontier] == ["end"]
    assert full.values == {}


def test_a_new_input_drops_what_an_earlier_run_left_to_do() -> None:
    on = graph(node("a", then=["a"]), channels={"log": Topic(str)}, start=["a"])
    stopped = run_step(on, begin(on, Checkpoint(), None), Update({"log": ("old",)}))
    again = begin(on, stopped, None)
    assert [a.id for a in again.frontier] == ["3:a"]
    assert again.values["log"] == ("old",)


def test_ids_of_activations_are_never_used_twice_in_a_thread() -> None:
    on = graph(node("a", then=["a"]), channels={}, start=["a"])
    checkpoint, seen = Checkpoint(), set[str]()
    for _ in range(3):
        checkpoint = begin(on, checkpoint, None)
        for _ in range(3):
            assert not seen & {a.id for a in checkpoint.frontier}
            seen |= {a.id for a in checkpoint.frontier}
            checkpoint = run_step(on, checkpoint, Update())


@given(st.lists(st.lists(st.integers(), max_size=4), min_size=1, max_size=6))
def test_superstep_and_eager_reach_the_same_sum(batches: list[list[int]]) -> None:
    """Applied together or one by one in the same order, updates of a fold give the same value."""
    names = [f"n{index}" for index in range(len(batches))]
    on = graph(*[node(name) for name in names], channels={"x": Topic(int)}, start=names)
    checkpoint = begin(on, Checkpoint(), None)
    updates = [Update({"x": tuple(batch)}) for batch in batches]
    together = run_step(on, checkpoint, *updates)
    for activation, update in zip(checkpoint.frontier, updates, strict=True):
        checkpoint = apply(on, checkpoint, [(activation, update)])
    assert checkpoint.values == together.values
    assert checkpoint.frontier == together.frontier == ()


@pytest.mark.parametrize(
    ("update", "words"),
    [
        (Update({"y": 1}), "no such channel"),
        (Update({"only_b": 1}), "may not write.*only b may"),
        (Update(goto=["nowhere"]), "no such node"),
        (Update(sends=[Send("nowhere")]), "no such node"),
    ],
)
def test_a_node_that_breaks_its_rules_is_told(update: Update, words: str) -> None:
    on = graph(
        node("a"), node("b"),
        channels={"only_b": LastValue(int)}, start=["a"], writers={"only_b": frozenset({"b"})},
    )  # fmt: skip
    with pytest.raises(GraphError, match=words):
        on.check("a", update)
    on.check("b", Update({"only_b": 1}))


@pytest.mark.parametrize(
    "nodes",
    [
        [node("a", then=["nowhere"])],
        [node("a", listens=("nowhere",))],
        [node("a"), node("a")],
    ],
)
def test_a_graph_that_names_what_is_not_there_is_refused(nodes: list[Node]) -> None:
    with pytest.raises(GraphError):
        graph(*nodes, channels={}, start=["a"])


def test_the_version_of_a_graph_is_its_shape() -> None:
    def made(*then: str, of: Any = int) -> str:
        return graph(node("a", then=then), node("b"), channels={"x": LastValue(of)}, start=["a"]).version

    assert made("b") == made("b")
    assert len({made("b"), made(), made("b", of=str)}) == 3
