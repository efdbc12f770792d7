"""A process whose graph reads a lot and acts now and then, and dies where it is told.

As ``child``. Nodes that only ``read`` draw numbers that are others each time; one that may be repeated writes down
which it was told, and so does one that must happen once.
"""

import secrets
from typing import Any

from tests.kill.alone import drives
from tests.kill.steered import Notes, happen
from weft import END, START, Context, StateGraph

ROUNDS = 3
READS = 5
"""Nodes that only read, before each that acts."""


class Drawn(Notes, total=False):
    drawn: list[int]


def graph(path: str) -> Any:
    async def draw(state: Drawn) -> Drawn:
        return {"drawn": [*state.get("drawn", []), secrets.randbelow(1_000_000)]}

    def tell(name: str, state: Drawn, ctx: Context[Any]) -> None:
        happen(path, f"{name}:{'-'.join(map(str, state.get('drawn', [])))}", ctx.idempotency_key)

    async def note(state: Drawn, ctx: Context[Any]) -> Drawn:
        tell("note", state, ctx)
        return {}

    async def pay(state: Drawn, ctx: Context[Any]) -> Drawn:
        tell("pay", state, ctx)
        return {"said": ["did pay"]}

    def enough(state: Drawn) -> bool:
        return len(state.get("drawn", [])) == READS * (len(state.get("said", [])) + 1)

    made = StateGraph(Drawn, name="above").add_node(draw, effect="read").add_node(note).add_node(pay, effect="once")
    made.add_conditional_edges("draw", lambda state: "note" if enough(state) else "draw")
    made.add_conditional_edges("pay", lambda state: "draw" if len(state["said"]) < ROUNDS else END)
    return made.add_edge(START, "draw").add_edge("note", "pay").compile()


if __name__ == "__main__":
    drives(graph)
