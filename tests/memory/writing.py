"""A process that tells late facts in an order of its own: ``main(URL, ORDER)``; what is to be known at the end."""

import asyncio
import random
import sys
from typing import Any

from weft import App

FACTS: list[dict[str, Any]] = [
    *[
        {
            "text": f"Ada lives in town {n}",
            "subject": "ada",
            "attribute": "home",
            "object": f"town {n}",
            "valid_from": n,
        }
        for n in (10.0, 20.0, 30.0, 40.0)
    ],
    *[
        {"text": f"Ada {word} Bob {n}", "subject": "ada", "relation": word, "object": "bob", "valid_from": n}
        for n, word in ((15.0, "knows"), (25.0, "not knows"), (35.0, "knows"))
    ],
    *[{"text": f"Ada likes tea of kind {n}", "valid_from": 5.0} for n in range(8)],
]
INSTANTS = [n + 0.5 for n in range(4, 45)]


async def told(app: App, seed: str) -> None:
    """All of the facts, in an order that only the seed says."""
    facts = [*FACTS]
    random.Random(seed).shuffle(facts)
    memories = app.memories("ada")
    for fact in facts:
        await memories.add(**fact)


async def known(app: App) -> list[tuple[float, list[str], list[str]]]:
    """What held at every instant: texts, and edges."""
    memories = app.memories("ada")
    found: list[tuple[float, list[str], list[str]]] = []
    for at in INSTANTS:
        texts = sorted(one.memory.text for one in await memories.search("Ada", as_of=at, limit=100))
        edges = [f"{edge.relation} {edge.object}" for edge in (await memories.graph(as_of=at)).neighbours("ada")]
        found.append((at, texts, sorted(edges)))
    return found


async def main(url: str, seed: str) -> None:
    """Waits for a line, so that all begin at once."""
    async with App(store=url) as app:
        print("ready", flush=True)
        sys.stdin.readline()
        await told(app, seed)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
