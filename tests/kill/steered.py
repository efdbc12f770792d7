"""A graph that people steer: parallel ``once`` nodes and tools, an open question and a sub-graph, and who answers it.

Whoever answers does so truthfully: whether something happened stands in the file of effects.
"""

import operator
import os
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec

from weft import END, START, Agent, App, Context, StateGraph, interrupt, tool
from weft.models.scripted import Line, Scripted, call
from weft.storage.base import ENDED, QuestionRow, RunRecord, Scope

ME = Scope("default", "local")
EFFECTS = {"left", "right", "below", "first", "second", "last"}


class Notes(TypedDict, total=False):
    said: Annotated[list[str], operator.add]


def happen(path: str, name: str, key: str) -> str:
    """Do something to the world that can be counted."""
    line = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(line, f"{name} {key}\n".encode())
    os.fsync(line)
    os.close(line)
    return f"did {name}"


def graph(path: str) -> Any:
    """Two effects beside a question and a sub-graph, whose agent has two tools to call at once; then a last one."""

    def effect(name: str) -> Any:
        def run(state: Notes, ctx: Context[Any]) -> Notes:
            return {"said": [happen(path, name, ctx.idempotency_key)]}

        return run

    def acts(name: str) -> Any:
        @tool(name=name, effect="once")
        async def act(ctx: Context[Any]) -> str:
            """Act."""
            return happen(path, name, ctx.idempotency_key)

        return act

    lines: list[Line] = [[call("first"), call("second")], "done"]
    clerk = Agent("clerk", model=Scripted(lines, order="turn"), tools=[acts("first"), acts("second")])

    async def hand_on(state: Notes, ctx: Context[Any]) -> Notes:
        return {"said": [await ctx.call(clerk, "go")]}

    below = StateGraph(Notes, name="below").add_node("below", effect("below"), effect="once").add_node(hand_on)
    below = below.add_sequence("below", "hand_on").add_edge(START, "below").compile()

    async def sub(state: Notes, ctx: Context[Any]) -> Notes:
        return {"said": (await ctx.call(below, {}))["said"]}

    def ask(state: Notes) -> Notes:
        return {"said": ["yes" if interrupt("Go on?", schema=bool) else "no"]}

    above = StateGraph(Notes, name="above").add_node(sub).add_node(ask)
    for name in ("left", "right", "last"):
        above.add_node(name, effect(name), effect="once")
    for name in ("left", "right", "sub", "ask"):
        above.add_edge(START, name)
    return above.add_edge(["left", "right", "sub", "ask"], "last").add_edge("last", END).compile()


def truth(path: str, row: QuestionRow) -> Any:
    """The honest answer."""
    if row.kind != "outcome":
        return True
    what: dict[str, Any] = msgspec.json.decode(row.payload)
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    happened = any(line.split()[1] == what["key"] for line in lines)
    if not happened:
        return {"outcome": "did_not_happen"}
    words = f"did {what['name']}"
    return {"outcome": "happened", "result": words if what["name"] in ("first", "second") else {"said": [words]}}


async def steer(app: App, run: RunRecord, path: str) -> RunRecord:
    """Answer whatever is asked, until the run has ended."""
    while run.status not in ENDED:
        if run.status == "paused":
            rows = await app.questions(run=run.id)
            await app.answer(ME, run.id, {row.id: truth(path, row) for row in rows})
        run = await app.wait(ME, run.id)
    return run
