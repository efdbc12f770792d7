"""A graph: branches side by side, a reducer that joins them, and an agent as a node."""

import operator
from typing import Annotated, TypedDict

from weft import END, START, Agent, Context, Send, StateGraph
from weft.models.scripted import Scripted

writer = Agent("writer", model=Scripted([lambda request: request.messages[-1].text.upper()], order="repeat"))


class Report(TypedDict, total=False):
    topics: list[str]
    drafts: Annotated[list[str], operator.add]
    text: str


def plan(state: Report) -> list[Send]:
    """One draft for each topic, all at once."""
    return [Send("draft", topic) for topic in state["topics"]]


async def draft(topic: str, ctx: Context[None]) -> Report:
    """The agent's own conversation is kept in the same thread, below this node's path."""
    return {"drafts": [await ctx.call(writer, f"About {topic}")]}


def merge(state: Report) -> Report:
    return {"text": "\n".join(sorted(state["drafts"]))}


graph = (
    StateGraph(Report, name="report")
    .add_node("draft", draft)
    .add_node("merge", merge)
    .add_conditional_edges(START, plan)
    .add_edge("draft", "merge")
    .add_edge("merge", END)
    .compile()
)
print(graph.run_sync({"topics": ["tea", "coffee", "cocoa"]}).output["text"])
