"""The router in the store: changed by one process, in force in another, on record with each run."""

import asyncio
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.models.deployments import Served, answer, many, served
from tests.warm import python
from weft import Agent, App, Deployment, Router
from weft.errors import Conflict, NotFound, RateLimited, UsageError
from weft.events import ModelFailed, ModelFinished
from weft.models.router import Group
from weft.models.routing import Strategy
from weft.storage.base import Scope

OTHER = """
import asyncio, sys
from weft import App
from weft.models.base import Answer, Request
from weft.models.choose import resolve
from weft.messages import user

async def main():
    async with App(store=sys.argv[1]):
        group = resolve("router:fast")
        while True:
            async for item in group.answer(Request(messages=[user("hi")])):
                if isinstance(item, Answer):
                    print(item.message.text, flush=True)
            await asyncio.sleep(0.05)

asyncio.run(main())
"""


@pytest.mark.usefixtures("warm")
async def test_another_process_sees_a_change_within_two_seconds(shared_url: str, tmp_path: Path) -> None:
    program = tmp_path / "other.py"
    program.write_text(OTHER)
    old, new = Served("old"), Served("new")
    async with served(old, new), App(store=shared_url, router=Router(groups={"fast": (old.deployment(),)})) as app:
        other = await asyncio.create_subprocess_exec(*python(program, shared_url), stdout=asyncio.subprocess.PIPE)
        assert other.stdout is not None
        try:
            async with asyncio.timeout(110):  # LiteLLM is imported first
                assert await other.stdout.readline() == b"from old\n"
            kept = await app.router.read()
            began = time.monotonic()
            await app.router.write(Router(groups={"fast": (new.deployment(),)}), expected=kept.version)
            async with asyncio.timeout(10):
                while (line := await other.stdout.readline()) != b"from new\n":
                    assert line == b"from old\n"
            assert time.monotonic() - began < 2.0
        finally:
            other.kill()
            await other.wait()


async def test_a_run_has_its_attempts_on_record(tmp_path: Path) -> None:
    bad, good = Served("bad", "fail"), Served("good")
    agent = Agent("helper", model="router:fast")
    async with served(bad, good):
        router = Router(groups={"fast": (bad.deployment(order=1), good.deployment("openai/gpt-5", order=2))})
        async with App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db", router=router) as app:
            result = await app.run(agent, "hi")
            told = [each.event for each in await app.events(Scope(), result.run_id)]
    assert result.output == "from good"
    failed = [each for each in told if isinstance(each, ModelFailed)]
    assert [(each.model, each.code) for each in failed] == [("openai/gpt-5-mini", "model.unavailable")] * bad.asked
    assert [each.model for each in told if isinstance(each, ModelFinished)] == ["openai/gpt-5"]


async def test_an_agent_goes_on_after_a_cut_stream(tmp_path: Path) -> None:
    cut, good = Served("cut", "cut"), Served("good")
    async with served(cut, good):
        router = Router(
            groups={"fast": (cut.deployment(order=1), good.deployment(order=2))}, allowed_fails=0, cooldown=60
        )
        result = await Agent("helper", model=router.group("fast")).run("hi")
    assert result.output == "from good"


async def test_the_first_router_is_written_once(tmp_path: Path) -> None:
    url, first = f"sqlite:///{tmp_path}/weft.db", Router(groups={"fast": (Deployment("openai/gpt-5-mini"),)})
    async with App(store=url, router=first) as app:
        await app.router.add("fast", Deployment("openai/gpt-5", id="second"))
    async with App(store=url, router=first) as app:
        kept = await app.router.read()
        assert kept.version == 2
        assert len(kept.router.groups["fast"]) == 2
        assert [each.version for each in await app.router.history()] == [2, 1]


async def test_deployments_come_and_go(tmp_path: Path) -> None:
    async with App(store=f"sqlite:///{tmp_path}/weft.db") as app:
        assert await app.router.health() == []
        await app.router.add("fast", Deployment("openai/gpt-5-mini", id="one"))
        await app.router.add("smart", Deployment("openai/gpt-5", id="two"))
        with pytest.raises(UsageError, match="twice"):
            await app.router.add("fast", Deployment("openai/gpt-5", id="one"))
        with pytest.raises(Conflict):
            await app.router.remove("one", expected=1)
        with pytest.raises(NotFound):
            await app.router.remove("three")
        kept = await app.router.remove("one")
        assert (kept.version, list(kept.router.groups)) == (3, ["smart"])
        assert [(each.id, each.state) for each in await app.router.health()] == [("two", "unused")]


async def test_many_who_add_at_once_all_do(tmp_path: Path) -> None:
    async with App(store=f"sqlite:///{tmp_path}/weft.db") as app:
        await asyncio.gather(*[app.router.add("fast", Deployment("openai/gpt-5", id=f"d{n}")) for n in range(4)])
        assert len((await app.router.read()).router.groups["fast"]) == 4


@pytest.mark.parametrize("strategy", ["usage-based", "simple-shuffle"])
async def test_what_was_used_up_stays_so_when_the_router_changes(tmp_path: Path, strategy: Strategy) -> None:
    one = Served("one")
    async with served(one):
        first = Router(
            groups={"fast": (one.deployment(id="one", rpm=4),)}, strategy=strategy, retries=0, pre_call_checks=True
        )
        async with App(store=f"sqlite:///{tmp_path}/weft.db", router=first) as app:
            before = await app.router.live.switch()
            if (over := time.time() % 60) > 50:  # a minute is the clock's
                await asyncio.sleep(60 - over)
            _, errors = await many(Group("fast"), 6, at_once=1)
            assert 2 <= len(errors) < 6
            took = one.asked
            await app.router.write(replace(first, cooldown=2.0), expected=1)
            assert await app.router.live.switch(now=True) is not before
            _, errors = await many(Group("fast"), 4, at_once=1)
            assert (one.asked, len(errors)) == (took, 4)


async def test_calls_that_run_while_the_router_changes_hold_their_places(tmp_path: Path) -> None:
    one = Served("one", delay=0.2)
    async with served(one):
        first = Router(groups={"fast": (one.deployment(id="one", max_parallel=2),)}, retries=0, cooldown=0)
        async with App(store=f"sqlite:///{tmp_path}/weft.db", router=first) as app:
            await answer(Group("fast"))
            running = [asyncio.create_task(answer(Group("fast"))) for _ in range(2)]
            await asyncio.sleep(0.05)
            three = replace(first, groups={"fast": (one.deployment(id="one", max_parallel=3),)})
            await app.router.write(three, expected=1)
            await app.router.live.switch(now=True)
            later = await asyncio.gather(*[answer(Group("fast")) for _ in range(2)], return_exceptions=True)
            await asyncio.gather(*running)
    assert one.most_at_once == 3
    assert [type(each) for each in later].count(RateLimited) == 1
