"""Threads that stopped in the midst of a graph meet another version of it, on both databases."""

from collections.abc import Mapping
from typing import Any, TypedDict

import pytest

from weft import START, Agent, App, Context, StateGraph
from weft.engine.evolution import evolution
from weft.errors import SchemaMismatch, UsageError
from weft.models.scripted import Scripted
from weft.storage.base import Scope

ME = Scope("default", "local")


class One(TypedDict, total=False):
    name: str
    count: int
    sure: bool


class Two(TypedDict, total=False):
    names: list[str]
    count: int
    sure: bool


class Bad(TypedDict, total=False):
    name: str
    count: list[str]
    sure: bool


def asking(state: Any = One, *, node: str = "ask", told: str = "old", **options: Any) -> Any:
    async def first(state: Any) -> Mapping[str, Any]:
        return {"count": 1}

    async def ask(state: Any, ctx: Context[Any]) -> Mapping[str, Any]:
        return {"sure": ctx.ask(f"{told}: {dict(state)}")}

    return (
        StateGraph(state, name="g")
        .add_node("first", first)
        .add_node(node, ask)
        .add_edge(START, "first")
        .add_edge("first", node)
        .compile(**options)
    )


async def paused(app: App) -> tuple[str, str]:
    result = await app.run("g", {"name": "Ada"}, thread="t")
    return result.run_id, result.questions[0].id


async def test_a_change_that_fits_goes_on(apps: Any) -> None:
    run, question = await paused(apps(asking(version="1")))
    app = apps(asking(version="2", told="new"))
    (checked,) = await app.check()
    assert (checked.verdict, checked.was, checked.now, checked.thread_id, checked.run_id) == (
        "fits",
        "1",
        "2",
        "t",
        run,
    )
    assert (await app.resume(run, {question: True})).output == {"name": "Ada", "count": 1, "sure": True}
    assert {m.version for m in (await app.history("t"))[:1]} == {"2"}
    assert await app.check() == []


@pytest.mark.parametrize("new", [{"node": "inquire"}, {"state": Bad}, {"state": Two}])
async def test_a_change_that_does_not_fit_is_refused_and_the_run_waits_for_the_right_version(
    apps: Any, new: dict[str, Any]
) -> None:
    run, question = await paused(apps(asking(version="1")))
    app = apps(asking(version="2", **new))
    before = await app.history("t")
    assert [one.verdict for one in await app.check()] == ["breaks"]
    with pytest.raises(SchemaMismatch):
        await app.resume(run, {question: True})
    assert (await app.store.runs.get(ME, run)).status == "paused"
    assert await app.history("t") == before
    right = apps(asking(version="1"))
    assert (await right.resume(run, {question: True})).output["sure"] is True


async def test_migrations_are_chained(apps: Any) -> None:
    run, question = await paused(apps(asking(version="1")))

    def to_2(state: dict[str, Any]) -> dict[str, Any]:
        return {"names": [state.pop("name")], **state}

    def to_3(state: dict[str, Any]) -> dict[str, Any]:
        return {**state, "names": [*state["names"], "Eve"]}

    app = apps(asking(Two, version="3", migrate={("1", "2"): to_2, ("2", "3"): to_3}))
    assert [one.verdict for one in await app.check()] == ["migrates"]
    done = await app.resume(run, {question: True})
    assert done.output == {"names": ["Ada", "Eve"], "count": 1, "sure": True}
    assert (await app.state("t")).values == done.output
    assert (await apps(asking(Two, version="3")).state("t")).values["names"] == ["Ada", "Eve"]


async def test_a_migration_that_fails_or_leaves_nonsense_is_refused(apps: Any) -> None:
    run, question = await paused(apps(asking(version="1")))
    for bad in (lambda state: {"names": 7}, lambda state: {"what": 1}, lambda state: 1 / 0):
        app = apps(asking(Two, version="2", migrate={("1", "2"): bad}))
        (checked,) = await app.check()
        assert checked.verdict == "breaks"
        with pytest.raises(SchemaMismatch):
            await app.resume(run, {question: True})
    assert (await apps(asking(version="1")).resume(run, {question: True})).output["sure"] is True


async def test_a_finished_thread_is_migrated_with_its_next_input(apps: Any) -> None:
    app = apps(asking(version="1"))
    run, question = await paused(app)
    await app.resume(run, {question: True})

    def to_2(state: dict[str, Any]) -> dict[str, Any]:
        return {"names": [state.pop("name")], **state}

    app = apps(asking(Two, version="2", migrate={("1", "2"): to_2}))
    result = await app.run("g", {"names": ["Bea"]}, thread="t")
    assert "Bea" in result.questions[0].payload
    assert (await app.state("t")).values["sure"] is True


async def test_a_pinned_run_goes_on_with_the_version_it_began_with(apps: Any) -> None:
    old = asking(version="1", told="old")
    run, question = await paused(apps(old))
    new = asking(Two, version="2", told="new", on_change="pin")
    alone = apps(new)
    assert [one.verdict for one in await alone.check()] == ["breaks"]
    with pytest.raises(SchemaMismatch, match="pinned to version '1'"):
        await alone.resume(run, {question: True})
    app = apps(new, old)
    assert [one.verdict for one in await app.check()] == ["pinned"]
    assert app.find("g") is new
    assert (await app.resume(run, {question: True})).output == {"name": "Ada", "count": 1, "sure": True}
    assert {m.version for m in await app.history("t")} == {"1"}


async def test_refuse_refuses_what_would_fit(apps: Any) -> None:
    run, question = await paused(apps(asking(version="1")))
    app = apps(asking(version="2"), on_change="refuse")
    with pytest.raises(SchemaMismatch, match="refuses others"):
        await app.resume(run, {question: True})
    assert (await apps(asking(version="1"), on_change="refuse").resume(run, {question: True})).output["sure"] is True


async def test_nested_graphs_are_checked_too(apps: Any) -> None:
    class State(TypedDict, total=False):
        text: str

    def above(inner: Any) -> Any:
        async def call(state: State, ctx: Context[Any]) -> State:
            return {"text": str((await ctx.call(inner, {"name": "Ada"}))["sure"])}

        return StateGraph(State, name="above").add_node(call).add_edge(START, "call").compile()

    old, new = asking(version="1"), asking(version="2", node="inquire")
    app = apps(above(old), old)
    result = await app.run("above", {}, thread="t")
    later = apps(above(new), new)
    checked = {one.path: one.verdict for one in await later.check()}
    assert checked == {"above": "same", "above/1:call/g#1": "breaks"}
    with pytest.raises(SchemaMismatch):
        await later.resume(result.run_id, {result.questions[0].id: True})
    assert (await app.resume(result.run_id, {result.questions[0].id: True})).output == {"text": "True"}


async def test_agents_have_versions(apps: Any) -> None:
    app = apps(Agent("a", model=Scripted(["hello"]), version="7"))
    await app.run("a", "hi", thread="t")
    assert {m.version for m in await app.history("t")} == {"7"}


def test_what_makes_no_sense_is_refused() -> None:
    nonsense: Any = "stop"
    with pytest.raises(UsageError, match="version"):
        evolution("", {("1", "2"): dict})
    with pytest.raises(UsageError, match="from one version"):
        evolution("1", {("1", "1"): dict})
    for wrong in (lambda: evolution("1", None, nonsense), lambda: App(on_change=nonsense)):
        with pytest.raises(UsageError, match="go_on, pin, refuse; not 'stop'"):
            wrong()
    with pytest.raises(UsageError, match="version both"):
        App(targets=[asking(), asking()])
