"""Steps and turns on a database: SQLite in a file, PostgreSQL on loopback."""

import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Annotated, Any, TypedDict

import asyncpg
import msgspec
from tests.services import Missing, postgres

from benchmarks.fakes import Fake
from benchmarks.graphs import chain, looping
from benchmarks.measure import Sides, each, slope
from benchmarks.rows import NotMeasured, row
from weft import END, START, Agent, App, StateGraph
from weft.engine.channels import Topic
from weft.engine.policy import Effect
from weft.ids import new_id
from weft.server.listen import collect_less

FEW, MANY = 10, 110
"""Steps of a short and of a long run: the difference is what a step costs, without what a run costs."""

TABLES = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
CREATE TABLE events (run TEXT, seq INTEGER, body BLOB, PRIMARY KEY (run, seq)) WITHOUT ROWID;
CREATE TABLE messages (thread TEXT, seq INTEGER, body BLOB, PRIMARY KEY (thread, seq)) WITHOUT ROWID;
"""


@asynccontextmanager
async def sqlite_app(*targets: Any, options: str = "?synchronous=NORMAL") -> AsyncIterator[tuple[App, Path]]:
    """An app on a fresh file; with ``NORMAL`` a power cut may cost the last commits, as in the hand-written side."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weft.db"
        async with App(targets=targets, store=f"sqlite:///{path}{options}") as app:
            yield app, path


def by_hand(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(TABLES)
    return connection


@row("sqlite-step", "a durable step, SQLite (WAL, NORMAL), one run", goal=40)
async def sqlite_step() -> Sides:
    return await _sqlite_step("idempotent")


@row("sqlite-step-read", 'the same, of a node that says it only reads (`effect="read"`)', goal=40)
async def sqlite_step_read() -> Sides:
    return await _sqlite_step("read")


async def _sqlite_step(effect: Effect) -> Sides:
    graphs = {steps: looping(steps, f"loop{steps}", effect) for steps in (FEW, MANY)}
    with tempfile.TemporaryDirectory() as folder, closing(by_hand(Path(folder) / "hand.db")) as connection:
        runs = iter(range(1_000_000))

        async def steps(count: int) -> None:
            run = f"run{next(runs)}"
            for seq in range(count):
                connection.execute("BEGIN")
                connection.execute("INSERT INTO events VALUES (?, ?, ?)", (run, seq, b'{"count":1}'))
                connection.execute("COMMIT")

        limit = await slope(steps, FEW, MANY, 30)
    async with sqlite_app(*graphs.values()) as (app, _):
        weft = await slope(lambda count: app.run(graphs[count], {"count": 0}), FEW, MANY, 20)
    return Sides(limit, weft)


@row("stored", "a whole run of 10 nodes in a chain, SQLite", goal=None)
async def stored() -> Sides:
    effects: tuple[Effect, ...] = "idempotent", "read"
    graphs = {effect: chain(10, effect) for effect in effects}
    async with sqlite_app(*graphs.values()) as (app, _):
        spent = {
            effect: await each(lambda graph=graph: app.run(graph, {"count": 0}), 300)
            for effect, graph in graphs.items()
        }
    return Sides(None, spent["idempotent"], {"of nodes that only read": spent["read"]})


@row("sqlite-1000-runs", "a durable step, SQLite, 1,000 runs at once, garbage collected as in `weft serve`", goal=15)
async def sqlite_thousand() -> Sides:
    return await _sqlite_thousand("idempotent")


@row("sqlite-1000-runs-read", "the same, of a node that says it only reads", goal=15)
async def sqlite_thousand_read() -> Sides:
    return await _sqlite_thousand("read")


async def _sqlite_thousand(effect: Effect) -> Sides:
    graphs = {steps: looping(steps, f"loop{steps}", effect) for steps in (2, 12)}
    with tempfile.TemporaryDirectory() as folder, closing(by_hand(Path(folder) / "hand.db")) as connection:
        began = time.process_time()
        for seq in range(10):
            connection.execute("BEGIN")
            for run in range(1_000):
                connection.execute("INSERT INTO events VALUES (?, ?, ?)", (f"run{run}", seq, b'{"count":1}'))
            connection.execute("COMMIT")
        limit = (time.process_time() - began) / 10_000 * 1e6
    async with sqlite_app(*graphs.values()) as (app, _):
        collect_less()
        spent: dict[int, list[float]] = {2: [], 12: []}
        for steps in (2, 12) * 4:
            began = time.process_time()
            await asyncio.gather(*[app.run(graphs[steps], {"count": 0}) for _ in range(1_000)])
            spent[steps].append(time.process_time() - began)
    few, many = median(spent[2][1:]), median(spent[12][1:])  # the first of each was the warm-up
    return Sides(limit, (many - few) / 10_000 * 1e6, {"a whole run of 2 steps, µs": few / 1_000 * 1e6})


@row("postgres-step", "a durable step, PostgreSQL, one run (CPU of the client)", goal=120)
async def postgres_step() -> Sides:
    return await _postgres_step("idempotent")


@row("postgres-step-read", "the same, of a node that says it only reads", goal=120)
async def postgres_step_read() -> Sides:
    return await _postgres_step("read")


async def _postgres_step(effect: Effect) -> Sides:
    with postgres_url() as url:
        graphs = {steps: looping(steps, f"loop{steps}", effect) for steps in (FEW, MANY)}
        limit = await _postgres_by_hand(url)
        async with App(targets=list(graphs.values()), store=url) as app:
            weft = await slope(lambda count: app.run(graphs[count], {"count": 0}), FEW, MANY, 10)
    return Sides(limit, weft)


@contextmanager
def postgres_url() -> Iterator[str]:
    """A server of our own, as the tests have it."""
    try:
        with postgres() as server:
            yield server.url
    except Missing as missing:
        raise NotMeasured(str(missing)) from missing


async def _postgres_by_hand(url: str) -> float:
    connection = await asyncpg.connect(url)
    columns = "run text, seq int, body bytea, PRIMARY KEY (run, seq)"
    await connection.execute(f"CREATE TABLE IF NOT EXISTS by_hand ({columns})")

    async def steps(count: int) -> None:
        run = new_id("run")
        for seq in range(count):
            await connection.execute("INSERT INTO by_hand VALUES ($1, $2, $3)", run, seq, b'{"count":1}')

    limit = await slope(steps, FEW, MANY, 20)
    await connection.close()
    return limit


class Said(TypedDict):
    messages: Annotated[list[str], Topic(str)]
    count: int


WORDS = "lorem ipsum " * 130


@row(
    "state-bytes",
    "1,000 steps that each add a message of 1.5 kB: bytes stored, against the raw text",
    goal=2.5,
    unit="x",
)
async def state_bytes() -> Sides:
    spent: list[float] = []

    async def add(state: Any) -> Any:
        spent.append(time.process_time())
        return {"messages": [f"{state['count']} {WORDS}"], "count": state["count"] + 1}

    builder = StateGraph(Said, name="talk").add_node("add", add).add_edge(START, "add")
    builder.add_conditional_edges("add", lambda state: "add" if state["count"] < 1_000 else END)
    talk = builder.compile()
    async with sqlite_app(talk) as (app, path):
        app.runner.max_steps = 2_000
        result = await app.run(talk, {"count": 0})
        stored, output = _bytes(path), len(msgspec.json.encode(result.output))
    costs = [after - before for before, after in pairwise(spent)]
    early, late = median(costs[5:105]), median(costs[-100:])
    raw = 1_000 * len(WORDS)
    more = {"step 1,000 against step 10 (goal 1.2)": late / early, "beside it, the run's output": output / raw}
    return Sides(1.0, (stored - output) / raw, more)


def _bytes(path: Path) -> int:
    """Of the database, once the log is in it and unused pages are gone."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return (pages - free) * size


TURNS = 500
QUESTION = "What is the weather like in this city today, and what should I wear? " * 2


@row("500-turns", "a durable turn at the end of a thread of 500 turns, SQLite", goal=500)
async def long_thread() -> Sides:
    first, last, _ = await _long_thread()
    hand_first, hand_last = _long_thread_by_hand()
    return Sides(
        hand_last,
        last,
        {"first turns, µs": first, "by hand, first turns, µs": hand_first, "last : first": last / first},
    )


@row("500-turns-bytes", "bytes of that thread", goal=300_000, unit="B")
async def long_thread_bytes() -> Sides:
    _, _, stored = await _long_thread()
    return Sides(TURNS * (len(QUESTION) + len("word ")), stored)


async def _long_thread() -> tuple[float, float, int]:
    clerk = Agent("clerk", model=Fake(), instructions="Be brief.")
    async with sqlite_app(clerk) as (app, path):
        await app.run(clerk, "warm", thread="other")
        empty, spent = _bytes(path), list[float]()
        for _ in range(TURNS):
            began = time.process_time()
            await app.run(clerk, QUESTION, thread="one")
            spent.append((time.process_time() - began) * 1e6)
        return mean(spent[:20]), mean(spent[-20:]), _bytes(path) - empty


def _long_thread_by_hand() -> tuple[float, float]:
    """Reads the whole history each time, as one would."""
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as folder, closing(by_hand(Path(folder) / "hand.db")) as connection:
        for turn in range(TURNS):
            began = time.process_time()
            rows = connection.execute("SELECT body FROM messages WHERE thread = 'one' ORDER BY seq").fetchall()
            history = [json.loads(body) for (body,) in rows]
            history += [{"role": "user", "text": QUESTION}, {"role": "assistant", "text": "word "}]
            connection.execute("BEGIN")
            for offset in (2, 1):
                body = json.dumps(history[-offset]).encode()
                connection.execute("INSERT INTO messages VALUES ('one', ?, ?)", (2 * turn + 2 - offset, body))
            connection.execute("COMMIT")
            spent.append((time.process_time() - began) * 1e6)
    return mean(spent[:20]), mean(spent[-20:])
