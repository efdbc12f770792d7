"""A second run on a thread that is busy, on both databases: it waits, is refused, or takes over."""

import asyncio
from typing import Any

import pytest

from tests.runtime.gates import ALL, ME, Gates, chain, of, page, told, until
from weft import Agent, App, Breakpoint
from weft.errors import Conflict, UsageError
from weft.events import RunSteered
from weft.models.base import Request
from weft.models.scripted import Scripted, call
from weft.storage.base import RunRecord


async def busy(apps: Any, **options: Any) -> tuple[App, App, Gates, RunRecord]:
    gates = Gates("b")
    app, other = apps(walk := chain(gates, "a", "b"), **options), apps(walk, **options)
    await app.start()
    first = await app.submit("walk", {"seen": [], "n": 0}, scope=ME, thread="t")
    await gates.at("b")
    return app, other, gates, first


async def test_a_busy_thread_refuses(apps: Any) -> None:
    app, other, gates, first = await busy(apps, if_busy={"walk": "reject"})
    for where in (app, other):
        with pytest.raises(Conflict, match=first.id):
            await where.run("walk", {"n": 5}, thread="t")
        with pytest.raises(Conflict):
            await where.submit("walk", {"n": 5}, scope=ME, thread="t")
    assert len(await app.store.runs.list(ALL, page())) == 1
    later = await other.submit("walk", {"n": 5}, scope=ME, thread="t", if_busy="enqueue")
    gates.open["b"].set()
    await until(app, later.id, "finished")
    await app.run("walk", {"n": 5}, thread="t")


async def test_what_nobody_knows_is_refused(apps: Any) -> None:
    wait: Any = "wait"
    with pytest.raises(UsageError, match="reject, enqueue, interrupt, rollback; not 'wait'"):
        App(if_busy={"walk": wait})
    app = apps(walk := chain(Gates(), "a"))
    with pytest.raises(UsageError, match="not 'wait'"):
        await app.run(walk, {"seen": [], "n": 0}, if_busy=wait)


async def test_runs_of_a_thread_begin_in_the_order_in_which_they_came(apps: Any) -> None:
    app, other, gates, first = await busy(apps)
    runs: list[Any] = []
    for n in range(6):
        where = (app, other)[n % 2]
        if n % 3 == 0:
            runs.append((await where.submit("walk", {"n": n}, scope=ME, thread="t")).id)
        else:
            waits = asyncio.create_task(where.run("walk", {"n": n}, thread="t"))
            while len(found := await app.store.runs.list(ALL, page())) < n + 2:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            runs.append(found[0].id)
            runs.append(waits)
    gates.open["b"].set()
    for one in runs:
        await (one if isinstance(one, asyncio.Task) else until(app, one, "finished"))
    ids = [one for one in runs if isinstance(one, str)]
    began = {run: (await app.events(ALL, run))[0].at for run in ids}
    assert sorted(ids, key=lambda run: began[run]) == ids
    steps = [(await app.events(ALL, run))[0].event.step for run in [first.id, *ids]]
    assert steps == sorted(steps)


async def test_a_run_that_a_person_holds_keeps_its_thread(apps: Any) -> None:
    app, _, gates, first = await busy(apps)
    control = await app.control(first.id)
    await control.pause()
    await asyncio.sleep(0.1)
    gates.open["b"].set()
    # nothing is left after b: it ends all the same
    await until(app, first.id, "finished")
    held = await app.run("walk", {"seen": [], "n": 0}, thread="t", breakpoints=[Breakpoint(node="b")])
    second = await app.submit("walk", {"n": 1}, scope=ME, thread="t")
    await asyncio.sleep(0.3)
    assert (await app.store.runs.get(ALL, second.id)).status == "queued"
    with pytest.raises(Conflict):
        await app.run("walk", {"n": 1}, thread="t", if_busy="reject")
    await (await app.control(held.run_id)).resume()
    await until(app, second.id, "finished")
    assert (await app.store.runs.get(ALL, held.run_id)).status == "finished"


async def test_interrupt_ends_what_goes_on_and_keeps_what_it_did(apps: Any) -> None:
    _, other, gates, first = await busy(apps)
    queued = await other.submit("walk", {"n": 50}, scope=ME, thread="t")
    gates.open.pop("b")
    result = await other.run("walk", {"n": 10}, thread="t", if_busy="interrupt")
    assert result.output == {"seen": ["a", "a", "b"], "n": 12}
    for run in (first, queued):
        record = await other.store.runs.get(ALL, run.id)
        assert (record.status, record.error) == ("cancelled", "cancelled: another run took its place (interrupt)")


async def test_rollback_begins_where_the_thread_was_before(apps: Any) -> None:
    gates = Gates()
    app = apps(walk := chain(gates, "a", "b"))
    assert (await app.run(walk, {"seen": ["first"], "n": 0}, thread="t")).output["n"] == 2
    held = await app.run(walk, {"seen": ["second"], "n": 70}, thread="t", breakpoints=[Breakpoint(node="b")])
    result = await app.run(walk, {"seen": ["third"], "n": 10}, thread="t", if_busy="rollback")
    assert result.output == {"seen": ["first", "a", "b", "third", "a", "b"], "n": 12}
    assert (await app.store.runs.get(ALL, held.run_id)).status == "cancelled"
    (steered,) = of(RunSteered, await told(app, result.run_id))
    assert (steered.command, steered.refused, steered.detail["runs"]) == ("rollback", None, [held.run_id])
    other = apps(walk)
    assert (await other.run(walk, {"seen": [], "n": 0}, thread="t")).output["seen"][2:5] == ["b", "third", "a"]


async def test_what_was_rolled_back_leaves_the_context_and_stays_a_row(apps: Any) -> None:
    def heard(request: Request) -> str:
        return " | ".join(message.text for message in request.messages)

    reached = asyncio.Event()

    async def work() -> str:
        """Work for ever."""
        reached.set()
        await asyncio.sleep(3600)
        return ""

    agent = Agent("a", model=Scripted(["hi", call("work"), heard, heard]), tools=[work])
    app = apps(agent)
    await app.start()
    await app.run(agent, "one", thread="t")
    undone = await app.submit("a", "two", scope=ME, thread="t")
    await asyncio.wait_for(reached.wait(), 10)
    result = await app.run(agent, "three", thread="t", if_busy="rollback")
    assert result.output == "one | hi | three"
    assert (await apps(agent).run(agent, "four", thread="t")).output.startswith("one")
    texts = [message.text for _, message in await app.messages(ALL, "t") if message.role == "user"]
    assert texts == ["one", "two", "three", "four"]
    assert "two" not in [item.message.text for item in (await app.explain(ALL, "t")).items]
    assert (await app.store.runs.get(ALL, undone.id)).status == "cancelled"
