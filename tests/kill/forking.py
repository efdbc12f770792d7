"""A process that forks and prunes one thread until it is killed: ``python -m tests.kill.forking URL SEED``."""

import asyncio
import operator
import random
import sys
import warnings
from typing import Annotated, Any, TypedDict

from weft import END, START, App, StateGraph


class Count(TypedDict, total=False):
    left: int
    total: Annotated[int, operator.add]
    log: Annotated[list[str], operator.add]


def counter() -> Any:
    def step(state: Count) -> Count:
        left = state["left"] - 1
        return {"left": left, "total": left, "log": [f"{left} {'x' * 50}"]}

    def more(state: Count) -> str:
        return "step" if state["left"] > 0 else END

    graph = StateGraph(Count, name="count").add_node(step).add_edge(START, "step")
    return graph.add_conditional_edges("step", more).compile()


async def main(url: str, seed: str) -> None:
    chance = random.Random(seed)
    async with App(targets=[counter()], store=url) as app:
        await app.run("count", {"left": 40}, thread="t")
        for i in range(100_000):
            if i % 3 == 2:
                await app.prune(keep=chance.randint(20, 60), thread="t")
            else:
                steps = [one.step for one in await app.history("t", limit=200)]
                await app.fork("t", at=chance.choice(steps), into=f"t{i}" if i % 3 else None)
            if i == 1:
                print("ready", flush=True)  # there is a second thread


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asyncio.run(main(*sys.argv[1:]))
