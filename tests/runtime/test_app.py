"""Runs of an app on both databases: what is on record, who drives them, and how they end."""

import asyncio
import json
from typing import Any

import pytest

from weft import Agent, Context
from weft.errors import Cancelled, Conflict, NotFound
from weft.events import (
    Delta,
    Envelope,
    MessageAdded,
    NodeStarted,
    RunCancelled,
    RunStarted,
    ToolStarted,
)
from weft.models.base import Request
from weft.models.scripted import Line, Scripted, call
from weft.runtime.hub import Sync
from weft.storage.base import Scope

ME = Scope("default", "local")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def scripted(*lines: Line, **options: Any) -> Agent[Any]:
    return Agent("a", model=Scripted(lines, order="turn"), tools=[add], **options)


async def test_a_thread_remembers_in_another_process(apps: Any) -> None:
    def answer(request: Request) -> str:
        return " | ".join(message.text for message in request.messages)

    agent = Agent("a", model=Scripted([answer], order="repeat"))
    first = apps(agent)
    assert (await first.run(agent, "I am Ada", thread="t1")).output == "I am Ada"
    await first.close()
    result = await apps(agent).run(agent, "who am I?", thread="t1")
    assert result.output == "I am Ada | I am Ada | who am I?"
    assert [message.text for message in result.messages] == ["who am I?", result.output]


async def test_what_is_on_record_is_what_happened(apps: Any) -> None:
    app = apps(agent := scripted([call("add", a=1, b=2), call("add", a=3, b=4)], "3 and 7"))
    result = await app.run(agent, "add", thread="t1")
    seen = await app.events(ME, result.run_id)
    assert [envelope.seq for envelope in seen] == list(range(1, len(seen) + 1))
    assert seen[0].event == RunStarted("a", 1)
    assert seen[-1].event.output == "3 and 7"
    assert seen[-1].event.usage == result.usage
    assert tuple(e.event.message for e in seen if isinstance(e.event, MessageAdded)) == result.messages
    record = await app.store.runs.get(ME, result.run_id)
    assert (record.status, record.seq, json.loads(record.output)) == ("finished", len(seen), "3 and 7")
    assert record.input == b"null"
    context = (await app.store.threads.open("t1", conversation="")).context
    assert context is not None
    assert context.start == 1
    assert [row.seq for row, _ in await app.messages(ME, "t1")] == [1, 2, 3, 4, 5]


async def test_a_stream_and_the_record_tell_the_same(apps: Any) -> None:
    app = apps(agent := scripted(call("add", a=1, b=2), "three"))
    live = [envelope async for envelope in app.stream(agent, "add", thread="t1")]
    stored = await app.events(ME, live[0].run_id)
    assert [e for e in live if e.durable] == stored
    assert any(isinstance(e.event, Delta) for e in live)


async def test_a_queue_is_worked_by_whoever_started(apps: Any) -> None:
    agent = scripted("done")
    asks, works = apps(agent), apps(agent)
    record = await asks.submit("a", "go", scope=ME)
    assert record.status == "queued"
    await works.start()
    assert (await asks.wait(ME, record.id, 20)).status == "finished"


async def test_a_started_worker_sees_what_another_process_submits_and_leaves_what_it_does_not_know(apps: Any) -> None:
    works, asks = apps(scripted("done")), apps(scripted("done"), Agent("b", model=Scripted(["b is done"])))
    await works.start()
    unknown = await asks.submit("b", "go", scope=ME, thread="t1")
    known = await asks.submit("a", "  go \n on ", scope=ME, thread="t2")
    assert (await asks.wait(ME, known.id, 20)).status == "finished"
    assert (await asks.wait(ME, unknown.id, 1.5)).status == "queued"
    await asks.start()
    assert (await asks.wait(ME, unknown.id, 20)).status == "finished"
    assert (await works.store.threads.get(ME, "t2")).title == "go on"


async def test_fifty_runs_on_ten_threads_keep_their_order(apps: Any) -> None:
    async def answer(ctx: Context[Any]) -> str:
        """Wait a moment."""
        await asyncio.sleep(0.002)
        return "ok"

    agent = Agent("a", model=Scripted([call("answer"), "done"], order="turn"), tools=[answer])
    app = apps(agent)
    await app.start()
    records = [await app.submit("a", f"{n}", scope=ME, thread=f"t{n % 10}") for n in range(50)]
    ended = await asyncio.gather(*[app.wait(ME, record.id, 60) for record in records])
    assert {record.status for record in ended} == {"finished"}
    for thread in range(10):
        rows = await app.messages(ME, f"t{thread}", limit=100)
        assert [row.seq for row, _ in rows] == list(range(1, 21))
        roles = [message.role for _, message in rows]
        assert roles == ["user", "assistant", "tool", "assistant"] * 5


async def test_runs_that_come_to_the_line_in_another_order_than_they_were_created_pass(apps: Any) -> None:
    agent = Agent("a", model=Scripted(["done"], order="repeat"))
    app = apps(agent)
    await app.open()
    made = [await app.runner.create(agent, str(number), ME, thread="t") for number in range(4)]
    async with asyncio.timeout(20):
        driven = [asyncio.create_task(app.runner.drive(agent, record)) for record in reversed(made)]
        await asyncio.gather(*driven)
    said = [message.text for _, message in await app.messages(ME, "t") if message.role == "user"]
    assert said == ["0", "1", "2", "3"]


async def test_an_idempotency_key_starts_one_run(apps: Any) -> None:
    app = apps(scripted("done"))
    one = await app.submit("a", "go", scope=ME, thread="t1", idempotency_key="k")
    assert (await app.submit("a", "go", scope=ME, thread="t1", idempotency_key="k")).id == one.id
    with pytest.raises(Conflict):
        await app.submit("a", "something else", scope=ME, thread="t1", idempotency_key="k")


async def test_unknown_targets_and_foreign_threads_are_not_found(apps: Any) -> None:
    app = apps(agent := scripted("done"))
    with pytest.raises(NotFound, match="there is: a"):
        await app.submit("b", "go", scope=ME)
    await app.run(agent, "mine", thread="t1", user="ada")
    with pytest.raises(NotFound):
        await app.run(agent, "not mine", thread="t1", user="eve")
    with pytest.raises(NotFound):
        await app.explain(Scope("default", "eve"), "t1")


async def slowly(ctx: Context[Any]) -> str:
    """Take a long time."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        ctx.deps.append("stopped")
        raise
    return "never"


async def until(watched: Any, kind: type) -> Envelope:
    async for happening in watched:
        if isinstance(happening, Envelope) and isinstance(happening.event, kind):
            return happening
    raise AssertionError(f"no {kind.__name__}")


async def test_cancelling_from_here_or_from_another_process_stops_all_below(apps: Any) -> None:
    stopped: list[str] = []
    agent = Agent("a", model=Scripted([call("slowly")], order="turn"), tools=[slowly])
    works, asks = apps(agent, deps=stopped, lease=4.0), apps(agent, lease=4.0)
    await works.start()
    for number, cancels in enumerate((works, asks), start=1):
        record = await works.submit("a", "go", scope=ME, thread="t1")
        await until(works.watch(ME, record.id), ToolStarted)
        ended = await cancels.cancel(ME, record.id, "enough")
        assert (ended.status, ended.error) == ("cancelled", "cancelled: enough")
        async with asyncio.timeout(3):
            while len(stopped) < number:  # noqa: ASYNC110  # another process may have to look
                await asyncio.sleep(0.02)
        events = await asks.events(ME, record.id)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        assert events[-1].event == RunCancelled("enough")
    agent_goes_on = await works.wait(ME, (await works.submit("a", "again", scope=ME, thread="t1")).id, 0.5)
    assert agent_goes_on.status == "running"
    await works.cancel(ME, agent_goes_on.id)


async def test_leaving_an_app_stream_cancels_the_run_and_the_thread_goes_on(apps: Any) -> None:
    stopped: list[str] = []
    agent = Agent("a", model=Scripted([call("slowly"), "fine"], order="turn"), tools=[slowly])
    app = apps(agent, deps=stopped)
    stream = app.stream(agent, "go", thread="t1")
    started = await until(stream, ToolStarted)
    await stream.aclose()
    assert stopped == ["stopped"]
    assert (await app.store.runs.get(ME, started.run_id)).status == "cancelled"
    model = Scripted(["fine"], order="turn")
    assert (await app.run(Agent("a", model=model), "and now?", thread="t1")).output == "fine"
    told = [result for message in model.asked[0].messages for result in message.tool_results]
    assert [result.failed for result in told] == [True]


async def test_a_watcher_that_joins_late_sees_everything_and_what_is_open(apps: Any) -> None:
    gate = asyncio.Event()

    async def wait(ctx: Context[Any]) -> str:
        """Wait for the gate."""
        await gate.wait()
        return "open"

    agent = Agent("a", model=Scripted([call("wait"), "through"], order="turn"), tools=[wait])
    app = apps(agent)
    await app.start()
    record = await app.submit("a", "go", scope=ME)
    await until(app.watch(ME, record.id), ToolStarted)
    late: list[Any] = []
    async for happening in app.watch(ME, record.id):
        late.append(happening)
        if isinstance(happening, Envelope) and isinstance(happening.event, ToolStarted):
            gate.set()
    sync = next(i for i, happening in enumerate(late) if isinstance(happening, Sync))
    assert all(happening.durable for happening in late[:sync])
    assert {type(happening.event) for happening in late[sync + 1 : sync + 3]} == {NodeStarted, ToolStarted}
    seqs = [happening.seq for happening in late if isinstance(happening, Envelope) and happening.durable]
    assert seqs == list(range(1, len(seqs) + 1))
    again = [h async for h in app.watch(ME, record.id, after=3) if isinstance(h, Envelope)]
    assert [h.seq for h in again] == seqs[3:]


@pytest.mark.parametrize("serves", [0, 1])
async def test_a_queue_that_is_worked_leaves_runs_to_the_callers_who_wait_for_them(apps: Any, serves: int) -> None:
    async def wait() -> str:
        """Wait a moment."""
        await asyncio.sleep(0.15)
        return "ok"

    agent = Agent("a", model=Scripted([call("wait"), "done"], order="turn"), tools=[wait])
    both = apps(agent), apps(agent)
    await both[serves].start()
    results = await asyncio.gather(*[both[0].run(agent, "go", thread="t1") for _ in range(12)])
    assert [result.output for result in results] == ["done"] * 12


async def test_two_processes_never_drive_one_thread_at_once(apps: Any) -> None:
    at_once: list[int] = []
    running = 0

    async def alone() -> str:
        """Count who is here."""
        nonlocal running
        running += 1
        at_once.append(running)
        await asyncio.sleep(0.01)
        running -= 1
        return "ok"

    agent = Agent("a", model=Scripted([call("alone"), "done"], order="turn"), tools=[alone])
    one, two = apps(agent), apps(agent)
    await asyncio.gather(*[app.run(agent, "go", thread="t1") for app in (one, two) for _ in range(5)])
    assert at_once == [1] * 10
    assert len(await one.messages(ME, "t1", limit=100)) == 40


async def test_a_run_that_was_cancelled_before_it_began_says_so(apps: Any) -> None:
    app = apps(agent := scripted("done"))
    record = await app.submit("a", "go", scope=ME)
    await app.cancel(ME, record.id)
    with pytest.raises(Cancelled):
        await app.runner.drive(agent, record)
