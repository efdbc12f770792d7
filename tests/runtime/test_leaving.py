"""A caller that leaves early leaves nothing behind that would keep the thread busy."""

import asyncio
from typing import Any

from weft import Agent, App, Context, workflow
from weft.models.scripted import Scripted
from weft.storage.base import RESTING, Page, Scope


async def test_leaving_at_any_moment_frees_the_thread(store_url: str) -> None:
    clerk = Agent("clerk", model=Scripted(["Hello"], order="turn"))
    async with App(agents=[clerk], store=store_url) as app:
        await app.run(clerk, "warm up")
        for moment in range(40):
            thread = f"thread-{moment}"
            run = asyncio.ensure_future(app.run(clerk, "hi", thread=thread))
            await asyncio.sleep(moment * 1e-4)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            async with asyncio.timeout(5):
                assert (await app.run(clerk, "again", thread=thread)).output == "Hello"
            runs = await app.store.runs.list(Scope(app.workspace), Page(limit=10), thread_id=thread)
            assert all(run.status in RESTING for run in runs), [run.status for run in runs]


async def test_leaving_while_the_thread_is_busy(store_url: str) -> None:
    slow, quick = Agent("slow", model=Scripted(["Hello"], delay=1.5)), Agent("quick", model=Scripted(["Hello"]))
    async with App(agents=[slow, quick], store=store_url) as app:

        async def on_record(count: int) -> None:
            while len(await app.store.runs.list(Scope(app.workspace), Page(limit=10))) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        first = asyncio.ensure_future(app.run(slow, "hi", thread="one"))
        await on_record(1)
        second = asyncio.ensure_future(app.run(quick, "hi", thread="one"))
        await on_record(2)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        await first
        runs = await app.store.runs.list(Scope(app.workspace), Page(limit=10), thread_id="one")
        assert sorted(run.status for run in runs) == ["cancelled", "finished"]


async def test_a_process_that_stood_still_does_not_take_its_own_runs_for_those_of_a_dead_one(apps: Any) -> None:
    """A closed lid, a stopped container, a loop that something blocked: nobody else was there to take the run over."""
    began, woke = 0, asyncio.Event()

    @workflow
    async def slow(ctx: Context[Any], input: str) -> str:
        nonlocal began
        began += 1
        await woke.wait()
        return "Hello"

    app = apps(slow, lease=2.0)
    await app.start()
    run = await app.submit("slow", "hi", scope=Scope())
    while not began:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    worker = app.runner.worker
    await worker.heart.stop()
    await asyncio.sleep(2.1)
    await worker._look_around()  # the first thing that it does when it wakes
    await worker.heart.beat()
    await asyncio.sleep(0.3)
    woke.set()
    record = await app.wait(Scope(), run.id)
    assert (record.status, record.fence, began) == ("finished", 1, 1)
