"""Who pays for vectors: the run that asks for them, within its budgets, and without a turn of its agent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.models.loopback import Loopback, Reply, serve, whole
from weft import Agent, App, Budget, Knowledge, Limits
from weft.models.endpoint import Endpoint
from weft.models.scripted import Scripted, call
from weft.runtime.costs import as_csv

MODEL = "text-embedding-3-small"


def vectors(count: int = 1) -> Reply:
    data = [{"object": "embedding", "index": n, "embedding": [1.0, float(n)]} for n in range(count)]
    return whole({"object": "list", "data": data, "model": MODEL, "usage": {"prompt_tokens": 50, "total_tokens": 50}})


@asynccontextmanager
async def desk(path: Path, *lines: Any, **fields: Any) -> AsyncIterator[tuple[App, Agent[Any], Loopback]]:
    """An agent with one document, which is found by its vector."""
    async with serve(vectors()) as server:
        book = Knowledge("handbook", embedder=Endpoint(f"openai/{MODEL}", server.url), automatic=True)
        agent = Agent("desk", model=Scripted(lines, order="turn"), knowledge=[book], **fields)
        async with App(agents=[agent], store=f"sqlite:///{path}/weft.db") as app:
            await app.knowledge("handbook").add(text="The warranty lasts for two years.", name="manual.md")
            await app.knowledge("handbook").settled()
            yield app, agent, server


async def test_a_search_is_in_the_ledger_and_is_no_turn(tmp_path: Path) -> None:
    asks = call("search_knowledge", query="warranty")
    async with desk(tmp_path, asks, "Two years.", limits=Limits(turns=2)) as (app, agent, server):
        before, told = len(server.asked), {row.key: row.calls for row in await app.costs("model")}
        result = await app.run(agent, "How long?", thread="t", user="ada")
        assert result.output == "Two years."
        searched = len(server.asked) - before
        assert searched >= 2
        (row,) = [row for row in await app.costs("model", "run") if row.key == (f"openai/{MODEL}", result.run_id)]
        assert (row.calls, row.input_tokens, row.usd) == (searched, 50 * searched, 50 * searched * 2e-8)
        assert told.get((f"openai/{MODEL}",), 0) == before, "what the librarian embeds is in it too"
        assert as_csv(["model"], await app.costs("model")).count(MODEL) == 1
        assert (await app.replay(result.run_id)).output == "Two years."


async def test_what_a_budget_has_not_is_not_embedded(tmp_path: Path) -> None:
    async with desk(tmp_path, "Two years.") as (app, agent, server):
        await app.set_budget(Budget("user", usd=0.0, subject="ada"))
        asked = len(server.asked)
        paused = await app.run(agent, "How long?", user="ada")
        assert (paused.status, paused.stop.code) == ("paused", "budget")
        assert len(server.asked) == asked
