"""A conversation of thousands of messages: what it takes on the disk, and what a turn in it costs.

2,000 messages where nothing is said; ``THREAD_MESSAGES=10000`` for more (``make soak`` does).
"""

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import pytest

from weft import Agent, App, ContextPolicy, Memory
from weft.messages import Message, Text, Usage
from weft.models.base import Answer, Request
from weft.models.scripted import Scripted
from weft.storage.base import Scope, Store

MESSAGES = int(os.environ.get("THREAD_MESSAGES", "2000"))
ADA = Scope(user="ada")
VOCABULARY = [f"{a}{b}{c}" for a in "btkmrs" for b in ("a", "e", "io", "u") for c in ("n", "lt", "rm", "sk", "")]


def words(count: int, seed: int) -> str:
    """So many words, nearly all said before, as in any conversation."""
    return " ".join(random.Random(seed).choices(VOCABULARY, k=count))


def answered(request: Request) -> Any:
    """An answer of some 900 characters; a short one where a summary is asked for."""
    said = request.messages[-1].text
    text = words(60, 7) if said.startswith("Summarise") else words(200, len(said) + len(request.messages))
    usage = Usage(requests=1, input_tokens=900, output_tokens=200)
    return Answer(message=Message(role="assistant", parts=(Text(text),)), usage=usage, finish="stop", model="m")


def talker() -> Agent[Any]:
    """It sums up again and again what leaves its forty messages."""
    few = ContextPolicy(max_messages=40, keep="summary")
    return Agent("talker", model=Scripted([answered], order="repeat"), context=few, memory=Memory())


async def size_of(url: str) -> int:
    """Bytes of all tables and indexes, after what is dead was cleared away."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///").partition("?")[0])
        return sum(each.stat().st_size for each in path.parent.glob("weft.db*"))
    plain, _, schema = url.partition("?schema=")
    connection = await asyncpg.connect(plain)
    try:
        query = (
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = $1 AND c.relkind = 'r'"
        )
        return int(await connection.fetchval(query, schema))
    finally:
        await connection.close()


async def cleared(store: Store, url: str) -> None:
    """PostgreSQL's dead rows are room for later ones: how many there are is chance."""
    await (store.history.compact() if url.startswith("sqlite") else store.belongings.scrub(whole=True))


async def talked(app: App, agent: Agent[Any], turns: Sequence[int], thread: str = "long") -> tuple[float, int]:
    """Seconds of CPU of all turns, and bytes of all that was said."""
    said, began = 0, time.process_time()
    for turn in turns:
        asked = f"{turn}: {words(50, turn)}"
        result = await app.run(agent, asked, thread=thread, user="ada")
        said += len(asked) + len(result.output)
    return time.process_time() - began, said


async def compared(app: App, agent: Agent[Any], turns: int) -> tuple[float, float]:
    """Seconds of CPU of a turn in a thread of forty turns and in the long one: by turns, on the same machine."""
    await talked(app, agent, range(40), "short")
    short: list[float] = []
    long: list[float] = []
    for turn in range(turns):
        short.append((await talked(app, agent, [turn], "short"))[0])
        long.append((await talked(app, agent, [turn], "long"))[0])
    return median(short), median(long)


@pytest.mark.blocks
@pytest.mark.timeout(1_800)
async def test_a_long_thread(shared_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    agent, turns = talker(), MESSAGES // 2
    async with App(agents=[agent], store=shared_url) as app:
        await talked(app, agent, range(10))
        await app.store.threads.delete(ADA, "long")
        await cleared(app.store, shared_url)
        empty = await size_of(shared_url)
        _, said = await talked(app, agent, range(turns))
        await cleared(app.store, shared_url)
        stored = await size_of(shared_url) - empty
        thread = await app.store.threads.get(ADA, "long")
        assert thread.head_seq == 2 * turns
        first = await app.search_thread("long", "0: " + words(50, 0), user="ada", limit=1)
        assert first[0].seq == 1, "the first of them is found"
        early, late = await compared(app, agent, 60)
    with capsys.disabled():
        ratio = stored / said
        print(f"\n{shared_url[:6]}: {2 * turns:,} messages, {said:,} B said, {ratio:.2f}x stored, ", end="")
        print(f"turn {1e3 * early:.2f} -> {1e3 * late:.2f} ms of CPU")
    assert stored <= 2.5 * said
    assert late <= 1.5 * early + 0.001
