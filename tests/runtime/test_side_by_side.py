"""Calls that one node makes side by side."""

import asyncio
from typing import Annotated, Any, TypedDict

from weft import START, Context, StateGraph, interrupt
from weft.engine.channels import Topic


class Notes(TypedDict, total=False):
    said: Annotated[list[str], Topic(str)]


async def test_a_call_that_asks_at_once_waits_for_those_made_with_it() -> None:
    """It stops before the others have begun."""
    done = list[str]()

    def asks(state: Notes) -> Notes:
        return {"said": [interrupt("a?")]}

    async def works(state: Notes) -> Notes:
        await asyncio.sleep(0.01)
        done.append("b")
        return {"said": ["b"]}

    below = [
        StateGraph(Notes, name=work.__name__).add_node(work).add_edge(START, work.__name__).compile()
        for work in (asks, works)
    ]

    async def both(state: Notes, ctx: Context[Any]) -> Notes:
        await asyncio.gather(*[ctx.call(graph, {}) for graph in below])
        return {}

    graph = StateGraph(Notes, name="g").add_node(both).add_edge(START, "both").compile()
    result = await graph.run({})
    assert [question.payload for question in result.questions] == ["a?"]
    assert done == ["b"]
