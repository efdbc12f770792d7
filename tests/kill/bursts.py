"""A process whose graph puts its steps on record in bursts (``durability="async"``), and dies where it is told.

As ``child``. Forty steps, an effect that must happen once, a nap, and forty steps more.
"""

import asyncio
from typing import Any

from tests.kill.alone import drives
from tests.kill.steered import Notes, happen
from weft import END, START, Context, StateGraph

EACH = 40
"""Steps before the effect, and after it."""
SAID = [*map(str, range(EACH)), "did pay", *map(str, range(EACH + 1, 2 * EACH + 1))]
"""What the graph says in the end."""


def graph(path: str) -> Any:
    async def count(state: Notes) -> Notes:
        return {"said": [str(len(state.get("said", [])))]}

    def pay(state: Notes, ctx: Context[Any]) -> Notes:
        return {"said": [happen(path, "pay", ctx.idempotency_key)]}

    async def nap(state: Notes) -> Notes:
        await asyncio.sleep(0.001)
        return {}

    def way(state: Notes) -> str:
        said = len(state.get("said", []))
        return "pay" if said == EACH else "count" if said < len(SAID) else END

    made = StateGraph(Notes, name="above").add_node(count).add_node("pay", pay, effect="once").add_node(nap)
    made.add_edge(START, "count").add_conditional_edges("count", way)
    return made.add_edge("pay", "nap").add_edge("nap", "count").compile(durability="async")


if __name__ == "__main__":
    drives(graph)
