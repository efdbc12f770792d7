"""Forks of joins, into the thread itself and beyond the end, on both databases."""

import operator
from typing import Annotated, Any, TypedDict

import pytest

from tests.runtime.test_travel import worker
from weft import END, START, StateGraph
from weft.errors import GraphError, UsageError


async def test_a_join_that_was_to_run_still_is_after_a_write_in_the_name_of_one_it_waited_for(apps: Any) -> None:
    class State(TypedDict, total=False):
        notes: Annotated[list[str], operator.add]
        text: str

    graph = StateGraph(State, name="g").add_node("a", lambda state: {"notes": ["a"]})
    graph.add_node("b", lambda state: {"notes": ["b"]}).add_node("end", lambda state: {"text": "".join(state["notes"])})
    graph.add_edge(START, "a").add_edge(START, "b").add_edge(["a", "b"], "end")
    app = apps(
        made := graph.add_conditional_edges("end", lambda state: "b" if len(state["notes"]) < 4 else END).compile()
    )
    await app.run(made, {"notes": ["in ", "full "]}, thread="t")
    for at in (None, 2):
        await app.fork("t", at=2)
        assert (await app.fork("t", at=at, node="a", write={"notes": ["!"]})).next == ("end",)
        assert (await app.go_on("t")).output["text"] == "in full ab!"
    await app.run(made, {}, thread="short")
    await app.fork("short", at=2, node="a", write={"notes": ["!"]})
    done = await app.go_on("short")
    assert (done.output["notes"], done.output["text"]) == (["a", "b", "!", "b"], "ab!"), "next it waits for both again"


async def test_a_fork_into_the_thread_itself_and_beyond_the_end_is_understood(apps: Any) -> None:
    app = apps(work := worker())
    await app.run(work, {"topic": "tea"}, thread="t")
    with pytest.raises(UsageError, match="leave `into`"):
        await app.fork("t", at=2, into="t")
    with pytest.raises(GraphError, match="there is: check, research, write"):
        await app.fork("t", at=2, goto=["nobody"])
    assert (await app.fork("t", at=2, goto=[END])).next == ()
