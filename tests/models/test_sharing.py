"""Several processes, one router: what one uses counts for the other, who rests in one rests in the other."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.models.deployments import Served, served
from weft import App, Router
from weft.errors import ModelError
from weft.messages import user
from weft.models import sharing
from weft.models.base import Answer, Request
from weft.models.reports import Told, Used, encode, heard, used
from weft.models.routing import Strategy

HI = Request(messages=[user("hi")])


@asynccontextmanager
async def two(path: Path, router: Router) -> AsyncIterator[tuple[App, App]]:
    """Two apps on one database, which know of one another only by it."""
    url = f"sqlite:///{path}/weft.db"
    async with App(store=url, router=router) as one, App(store=url) as other:
        yield one, other


async def ask(app: App) -> Answer:
    switch = await app.router.live.switch()
    said = [item async for item in await switch.answer("fast", HI)]
    assert isinstance(said[-1], Answer)
    return said[-1]


async def idle_moment() -> None:
    await asyncio.sleep(0.001)


def test_what_came_to_it() -> None:
    first, then = Used(7, requests=2, tokens=9, in_flight=3), Used(7, requests=5, tokens=9, in_flight=1)
    assert then.since(first) == Used(7, requests=3, tokens=0, in_flight=-2)
    assert Used(8, requests=1, in_flight=1).since(then) == Used(8, requests=1, in_flight=0)


def test_who_is_silent_for_long_asks_nothing_any_more() -> None:
    said = encode({"a": Told(minute=7, requests=2, in_flight=4)})
    fresh, old = heard([(1.0, said)]), heard([(61.0, said), (1.0, b"{")])
    assert (used(fresh["a"], 7).in_flight, used(old["a"], 7)) == (4, Used(7, requests=2))


@pytest.mark.parametrize("strategy", ["usage-based", "cost-based", "simple-shuffle"])
async def test_what_one_uses_counts_for_the_other(tmp_path: Path, strategy: Strategy) -> None:
    one, began = Served("one"), time.time() // 60
    async with served(one):
        router = Router(
            groups={"fast": (one.deployment(rpm=5),)}, strategy=strategy, retries=0, cooldown=0, pre_call_checks=True
        )
        async with two(tmp_path, router) as (here, there):
            for _ in range(3):
                await ask(here)
            await here.router.health()
            (seen,) = await there.router.health()
            assert (seen.calls, seen.state, seen.failed, seen.in_flight) == (3, "ok", 0, 0)
            refused = 0
            for _ in range(4):
                try:
                    await ask(there)
                except ModelError:
                    refused += 1
            assert refused >= 2 or time.time() // 60 > began, "a minute is the clock's"
            assert one.asked == 7 - refused
            await there.router.health()
            (seen,) = await here.router.health()
            assert seen.calls == one.asked


async def test_who_rests_here_rests_there(tmp_path: Path) -> None:
    async with served(bad := Served("bad", "limit"), good := Served("good")):
        router = Router(groups={"fast": (bad.deployment(id="bad", weight=1000), good.deployment(id="good", weight=1))})
        async with two(tmp_path, router) as (here, there):
            while not bad.asked:
                await ask(here)
            first = {each.id: each for each in await here.router.health()}
            second = {each.id: each for each in await there.router.health()}
            assert first["bad"].state == second["bad"].state == "resting"
            assert second["bad"].rests_until == pytest.approx(first["bad"].rests_until, abs=0.01)
            assert "slow down" in (second["bad"].last_error or "")
            assert (await ask(there)).message.text == "from good"
            assert bad.asked == 1


async def test_load_goes_to_whom_nobody_asks(tmp_path: Path) -> None:
    async with served(busy := Served("busy", delay=0.3), idle := Served("idle")):
        each = (busy.deployment(id="busy"), idle.deployment(id="idle"))
        async with two(tmp_path, Router(groups={"fast": each}, strategy="least-busy")) as (here, there):
            running = [asyncio.create_task(ask(here)) for _ in range(3)]
            while not busy.at_once:
                await idle_moment()
            await here.router.health()
            assert {one.id: one.in_flight for one in await there.router.health()}["busy"] > 0
            before = busy.asked
            for _ in range(4):
                await ask(there)
            assert busy.asked == before
            await asyncio.gather(*running)


async def test_it_is_told_beside_the_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "OFTEN", 0.02)
    one = Served("one")
    async with (
        served(one),
        two(tmp_path, Router(groups={"fast": (one.deployment(id="one"),)})) as (here, there),
    ):
        await ask(there)
        await ask(here)
        seen = (await there.router.live.switch()).places["one"].seen
        async with asyncio.timeout(20):
            while not [told for told in seen.others if told.calls == 1]:
                await ask(there)
