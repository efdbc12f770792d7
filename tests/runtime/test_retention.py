"""Forgetting: what is kept still loads, whatever was forgotten; what is deleted is gone from every table and file."""

import asyncio
import operator
import random
import sqlite3
from pathlib import Path
from typing import Annotated, Any, TypedDict

import asyncpg
import pytest

from weft import END, START, Agent, App, Context, StateGraph
from weft.errors import NotFound, UsageError
from weft.models.scripted import Scripted, call
from weft.runtime.retention import Line, Retention, plan
from weft.storage.base import Scope
from weft.storage.tables import metadata

ME = Scope("default", "local")


class Count(TypedDict, total=False):
    left: int
    total: Annotated[int, operator.add]
    log: Annotated[list[str], operator.add]
    last: str


def counter(name: str = "count") -> Any:
    """Adds to everything, ``left`` times."""

    def step(state: Count) -> Count:
        left = state["left"] - 1
        written: Count = {"left": left, "total": left, "log": [f"step {left} {'x' * 40}"]}
        if left % 3 == 0:
            written["last"] = f"third {left}"
        return written

    def more(state: Count) -> str:
        return "step" if state["left"] > 0 else END

    return (
        StateGraph(Count, name=name)
        .add_node(step)
        .add_edge(START, "step")
        .add_conditional_edges("step", more)
        .compile()
    )


async def states(app: App, thread: str, path: str | None = None) -> dict[int, Any]:
    found = {}
    before = None
    while page := await app.history(thread, path, before=before, limit=50):
        for moment in page:
            found[moment.step] = (await app.state(thread, path, at=moment.step)).values
        before = page[-1].step
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_fork_anywhere_and_go_on_equals_a_fresh_run(apps: Any, seed: int) -> None:
    chance = random.Random(seed)
    app = apps(graph := counter())
    fresh = await app.run(graph, {"left": 12}, thread="fresh")
    await app.run(graph, {"left": 12}, thread="t")
    for i in range(5):
        into = None if chance.random() < 0.6 else f"t{i}"
        steps = [moment.step for moment in await app.history("t", limit=100)]
        at = chance.choice(steps)
        await app.fork("t", at=at, into=into)
        assert (await app.go_on(into or "t")).output == fresh.output
    known = await states(app, "fresh")
    for values in (await states(app, "t")).values():
        assert values in known.values()


@pytest.mark.parametrize("seed", range(4))
async def test_forget_anything_and_what_is_kept_still_loads(apps: Any, seed: int) -> None:
    chance = random.Random(seed)
    app = apps(graph := counter())
    await app.run(graph, {"left": 90}, thread="t")
    for at in chance.sample(range(1, 90), 3):
        await app.fork("t", at=at)
        await app.go_on("t")
    before = await states(app, "t")
    for _ in range(3):
        left = list(await states(app, "t"))
        doomed = chance.sample(left[1:], int(len(left) * 0.6))
        assert await app.store.history.forget(ME, "t", {"count": doomed}) == len(doomed)
        after = await states(app, "t")
        assert set(after) == set(left) - set(doomed)
        assert all(before[step] == values for step, values in after.items())
        for step in doomed[:2]:
            with pytest.raises(NotFound):
                await app.state("t", at=step)
    result = await app.run(graph, {"left": 2}, thread="t")
    assert result.output["total"] == before[max(before)]["total"] + 1


async def test_prune_keeps_the_newest_and_the_parents_of_forks(apps: Any) -> None:
    app = apps(graph := counter())
    await app.run(graph, {"left": 10}, thread="t")
    await app.fork("t", at=3)
    await app.go_on("t")
    pruned = await app.prune(keep=8)
    assert (pruned.threads, pruned.checkpoints) == (1, 12)
    kept = [moment.step for moment in await app.history("t")]
    assert kept == [20, 19, 18, 17, 16, 15, 14, 13]
    await app.fork("t", at=15)
    await app.prune(keep=1)
    assert [moment.step for moment in await app.history("t")] == [21, 15]
    assert (await app.go_on("t")).output["left"] == 0
    assert (await app.prune(days=1)).checkpoints == 0
    assert (await app.prune(days=0)).checkpoints > 0
    with pytest.raises(UsageError):
        await app.prune()


async def test_prune_leaves_what_an_open_question_needs(apps: Any) -> None:
    class State(TypedDict, total=False):
        text: str

    async def ask(state: State, ctx: Context[Any]) -> State:
        return {"text": ctx.ask("sure?")}

    inner = StateGraph(State, name="inner").add_node(ask).add_edge(START, "ask").compile()

    async def call_it(state: State, ctx: Context[Any]) -> State:
        await ctx.call(counting, {"left": 5})
        return await ctx.call(inner, state)

    counting = counter("counting")
    outer = (
        StateGraph(State, name="outer").add_node("first", dict).add_node(call_it).add_edge(START, "first")
        .add_edge("first", "call_it").compile()
    )  # fmt: skip
    app = apps(outer)
    paused = await app.run(outer, {"text": ""}, thread="t")
    await app.prune(keep=1)
    paths = await app.store.history.paths(ME, "t")
    assert paths == ["outer", "outer/2:call_it/counting#1", "outer/2:call_it/inner#2"]
    assert (await app.resume(paused.run_id, {paused.questions[0].id: "yes"})).output == {"text": "yes"}
    await app.prune(keep=1)
    assert await app.store.history.paths(ME, "t") == ["outer"]


def test_the_plan() -> None:
    lines = {
        "a": [
            Line(9, 90.0, open=frozenset({"4:x"})),
            Line(8, 80.0, parent=3),
            Line(7, 70.0),
            Line(3, 30.0),
            Line(2, 20.0),
        ],
        "a/4:x/b#1": [Line(2, 40.0), Line(1, 40.0)],
        "a/2:x/b#1": [Line(2, 40.0), Line(1, 40.0)],
    }
    assert plan(lines, Retention(keep=2), 100.0) == {"a": [7, 2], "a/2:x/b#1": [2, 1]}
    assert plan(lines, Retention(days=75 / 86_400), 100.0) == {"a": [2], "a/2:x/b#1": [2, 1]}
    assert plan(lines, Retention(keep=1, days=25 / 86_400), 100.0)["a"] == [7, 2]


async def test_a_started_app_prunes(apps: Any) -> None:
    app = apps(graph := counter(), retention=Retention(keep=2, every=0.05))
    await app.run(graph, {"left": 10}, thread="t")
    await app.start()
    for _ in range(200):
        if len(await app.history("t")) == 2:
            break
        await asyncio.sleep(0.02)
    await app.stop()
    assert [moment.step for moment in await app.history("t")] == [11, 10]


SECRET = "xyzzy-7f3a"


def agent() -> Agent[Any]:
    def look(what: str) -> str:
        """Look."""
        return f"{what}: {'long ' * 2000}{what}"

    lines = [
        lambda request: [call("look", what=request.messages[-1].text), call("look", what="b")],
        "it is well",
    ]
    return Agent("a", model=Scripted(lines, order="turn"), tools=[look])


async def test_a_deleted_thread_leaves_no_row_in_any_table_and_no_byte_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "weft.db"
    async with App(agents=[agent()], targets=[asking()], store=f"sqlite:///{path}") as app:
        await app.run("a", "keep me", thread="other")
        counted = rows(path)
        await app.run("a", f"tell me {SECRET}", thread="t")
        paused = await app.run("asking", {"text": SECRET}, thread="t")
        assert paused.paused
        await app.fork("t", "a", at=2)
        await app.prune(keep=2, thread="t")
        filled = rows(path)
        for table in (
            "messages",
            "contexts",
            "events",
            "checkpoints",
            "slots",
            "questions",
            "runs",
            "places",
            "finished",
        ):
            assert filled[table] > counted[table] or table in ("slots", "finished"), f"nothing is in {table}: test more"
        await app.store.threads.delete(ME, "t")
        stays = {name: count for name, count in rows(path).items() if name in ("calls", "audit", "audit_links")}
        assert rows(path) == counted | stays, "but for sums of what its calls cost, and the audit"
        connection = sqlite3.connect(path)
        named, sums = connection.execute("SELECT sum(run <> 0), sum(run = 0) FROM calls").fetchone()
        assert (named, sums > 0) == (counted["calls"], True)
        connection.close()
        gone(tmp_path)
        await app.store.history.compact()
        gone(tmp_path)
        assert (await app.run("a", "again", thread="other")).output == "it is well"


async def test_a_deleted_thread_leaves_no_row_in_postgresql(postgres_url: str) -> None:
    async with App(agents=[agent()], targets=[asking()], store=postgres_url) as app:
        await app.run("a", SECRET, thread="t")
        await app.run("asking", {"text": SECRET}, thread="t")
        await app.fork("t", "a", at=2)
        await app.store.threads.delete(ME, "t")
        await app.store.history.compact()
        connection = await asyncpg.connect(postgres_url.partition("?")[0])
        schema = postgres_url.rpartition("=")[2]
        try:
            for table in metadata.tables:
                whose = " WHERE run <> 0" if table == "calls" else ""  # sums of what it cost, which name no run, stay
                left = await connection.fetchval(f'SELECT count(*) FROM "{schema}".{table}{whose}')
                assert left == 0 or table in ("workspaces", "owners", "workers", "blobs", "audit", "audit_links"), table
        finally:
            await connection.close()


def gone(folder: Path) -> None:
    for file in folder.iterdir():
        assert SECRET.encode() not in file.read_bytes(), file


def asking() -> Any:
    class State(TypedDict, total=False):
        text: str

    async def ask(state: State, ctx: Context[Any]) -> State:
        return {"text": ctx.ask(f"sure of {state['text']}?")}

    return StateGraph(State, name="asking").add_node(ask).add_edge(START, "ask").compile()


def rows(path: Path) -> dict[str, int]:
    connection = sqlite3.connect(path)
    try:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in metadata.tables
            if table not in ("workers",)
        }
    finally:
        connection.close()
