"""Routers over loopback HTTP: calls succeed, load goes where the strategy says, and health tells the truth."""

import asyncio
import os
import time
from collections import Counter
from contextlib import aclosing
from typing import Any

import pytest

from tests.models.deployments import Served, answer, many, served
from weft import Deployment, Router
from weft.errors import ContentFiltered, ContextWindowExceeded, ModelUnavailable, RateLimited, UsageError
from weft.messages import user
from weft.models.base import Answer, Piece, Request
from weft.models.choose import resolve
from weft.models.litellm import load
from weft.models.router import Live, connect, disconnect, health, probe
from weft.models.routing import Strategy

CALLS = int(os.environ.get("WEFT_ROUTER_CALLS", "0"))
"""How many calls each strategy stands by each door; ``make soak`` says 5000, else there are enough to see it."""
STRATEGIES: tuple[Strategy, ...] = ("simple-shuffle", "least-busy", "usage-based", "latency-based", "cost-based")


BY_DOOR = pytest.mark.parametrize("via", ["direct", "litellm"])


def router(*deployments: Deployment, **told: Any) -> Router:
    return Router(groups={"fast": deployments}, **told)


@pytest.mark.parametrize("strategy", STRATEGIES)
@BY_DOOR
async def test_calls_succeed_while_two_of_three_deployments_do_not(strategy: Strategy, via: str) -> None:
    slow, failing, limited = Served("slow", delay=0.005), Served("failing", "fail"), Served("limited", quota=5)
    calls = CALLS or (500 if via == "direct" else 60)
    async with served(slow, failing, limited):
        each = [one.deployment(via=via) for one in (failing, limited, slow)]
        told = router(*each, strategy=strategy)
        answers, errors = await many(told.group("fast"), calls)
        states = {one.base_url: one for one in await health(told)}
    assert len(errors) <= calls * 0.001, errors[:3]
    assert len(answers) + len(errors) == calls
    by = Counter([each.message.text for each in answers])
    asked = {one.name: one.asked for one in (slow, failing, limited)}
    print(f"{strategy} by {via}: {calls} calls, {len(errors)} errors, asked {asked}")
    assert by.keys() <= {"from slow", "from limited"}
    assert by["from slow"] > by["from limited"]  # who has five a second cannot take the most
    assert failing.asked <= max(calls * 0.2, 20 + 5)  # the twenty that are under way before one of them has failed
    page = [states[one.url] for one in (slow, failing, limited)]
    assert [one.calls for one in page] == [slow.asked, failing.asked, limited.asked]
    assert page[1].failed == failing.asked
    assert page[0].failed == 0
    assert [one.in_flight for one in page] == [0, 0, 0]
    assert page[0].state == "ok"
    if failing.asked:
        assert page[1].state in ("resting", "failing")
        assert "it broke" in (page[1].last_error or "")
    assert sum([len(each.attempts) for each in answers]) == sum([one.failed for one in page])


async def test_a_failing_deployment_rests_and_comes_back() -> None:
    good, bad = Served("good"), Served("bad", "limit")
    async with served(good, bad):
        told = router(good.deployment(), bad.deployment())
        _, errors = await many(told.group("fast"), 40, at_once=1)
        assert not errors
        assert bad.asked == 1
        [_, state] = await health(told)
        assert state.state == "resting"
        assert state.rests_until is not None
        assert 0 < state.rests_until - time.time() <= 1.1  # what Retry-After said, not the router's own five seconds
        bad.does = "answer"
        await asyncio.sleep(1.1)
        await many(told.group("fast"), 40, at_once=1)
        assert bad.asked > 5
        assert [one.state for one in await health(told)] == ["ok", "ok"]


async def test_each_attempt_has_its_own_time() -> None:
    slow, bad = Served("slow", delay=0.1), Served("bad", "fail")
    async with served(slow, bad):
        told = Router(groups={"fast": (bad.deployment(),), "slow": (slow.deployment(),)}, fallbacks={"fast": ("slow",)})
        (got,) = (await many(told.group("fast"), 1, at_once=1))[0]
        ended = time.time()
    assert got.attempts
    for each in got.attempts:
        assert each.started_at <= each.ended_at <= ended - 0.2


async def test_a_retry_goes_to_another_deployment() -> None:
    good, bad = Served("good"), Served("bad", "fail")
    async with served(good, bad):
        _, errors = await many(router(good.deployment(), bad.deployment(), retries=1, cooldown=0).group("fast"), 60)
    assert not errors
    assert bad.asked > 10  # it never rests


@BY_DOOR
async def test_load_moves_by_weight(via: str) -> None:
    heavy, light = Served("heavy"), Served("light")
    async with served(heavy, light):
        await many(router(heavy.deployment(weight=9, via=via), light.deployment(weight=1, via=via)).group("fast"), 200)
    assert heavy.asked > 5 * light.asked > 0


@BY_DOOR
async def test_load_moves_to_whom_has_less_to_do(via: str) -> None:
    quick, slow = Served("quick"), Served("slow", delay=0.5)
    async with served(quick, slow):
        told = router(quick.deployment(via=via), slow.deployment(via=via), strategy="least-busy")
        await many(told.group("fast"), 60, at_once=10)
    assert quick.asked > 2 * slow.asked > 0


@BY_DOOR
async def test_load_moves_to_whom_answers_first(via: str) -> None:
    quick, slow = Served("quick"), Served("slow", delay=0.05)
    async with served(quick, slow):
        group = router(quick.deployment(via=via), slow.deployment(via=via), strategy="latency-based").group("fast")
        await many(group, 60, at_once=1)
    assert quick.asked > 50


@BY_DOOR
async def test_load_moves_to_whom_is_cheaper(via: str) -> None:
    dear, cheap = Served("dear"), Served("cheap")
    async with served(dear, cheap):
        deployments = dear.deployment("openai/gpt-5", via=via), cheap.deployment("openai/gpt-5-nano", via=via)
        answers, _ = await many(router(*deployments, strategy="cost-based").group("fast"), 40)
    assert (dear.asked, cheap.asked) == (0, 40)
    assert {each.model for each in answers} == {"openai/gpt-5-nano"}


@BY_DOOR
async def test_load_moves_to_whom_was_used_less_and_stays_below_rpm(via: str) -> None:
    one, two = Served("one"), Served("two")
    async with served(one, two):
        deployments = one.deployment(rpm=10, via=via), two.deployment(rpm=1000, via=via)
        group, began = router(*deployments, strategy="usage-based").group("fast"), time.time() // 60
        _, errors = await many(group, 60, at_once=1)
    most = 10 * (1 + time.time() // 60 - began)  # a minute is the clock's
    assert not errors
    assert 0 < one.asked <= most
    assert two.asked >= 60 - most


async def test_order_says_who_is_second() -> None:
    first, second = Served("first"), Served("second")
    async with served(first, second):
        told = router(first.deployment(order=1), second.deployment(order=2))
        await many(told.group("fast"), 20)
        assert (first.asked, second.asked) == (20, 0)
        first.does = "fail"
        answers, errors = await many(told.group("fast"), 5, at_once=1)
    assert not errors
    assert second.asked == 5
    assert all([each.message.text == "from second" for each in answers])


async def test_tags_choose_among_deployments() -> None:
    here, there = Served("here"), Served("there")
    async with served(here, there):
        told = router(here.deployment(tags=("eu",)), there.deployment(tags=("us",)))
        await many(told.group("fast", tags=("eu",)), 20)
    assert (here.asked, there.asked) == (20, 0)


async def test_no_more_calls_at_once_than_allowed() -> None:
    small, large = Served("small", delay=0.01), Served("large", delay=0.01)
    async with served(small, large):
        group = router(small.deployment(max_parallel=2), large.deployment(), retries=3).group("fast")
        _, errors = await many(group, 80, at_once=20)
    assert not errors
    assert small.most_at_once == 2
    assert small.asked + large.asked == 80


@pytest.mark.parametrize(
    ("does", "rule"),
    [
        ("fail", "fallbacks"),
        ("fail", "default_fallbacks"),
        ("too_long", "context_window_fallbacks"),
        ("refuse", "content_policy_fallbacks"),
    ],
)
async def test_another_group_takes_over(does: Any, rule: str) -> None:
    bad, good = Served("bad", does), Served("good")
    async with served(bad, good):
        rules: Any = ("smart",) if rule == "default_fallbacks" else {"fast": ("smart",)}
        told = Router(groups={"fast": (bad.deployment(),), "smart": (good.deployment("openai/gpt-5"),)}, retries=0)
        told = Router(groups=told.groups, retries=0, **{rule: rules})
        said = await answer(told.group("fast"))
    assert (said.message.text, said.model) == ("from good", "openai/gpt-5")
    assert said.deployment.startswith("smart-")
    [attempt] = said.attempts
    assert attempt.model == "openai/gpt-5-mini"
    assert attempt.code in ("model.unavailable", "model.context_window", "model.content_filtered")


@pytest.mark.parametrize(
    ("does", "error"),
    [
        ("fail", ModelUnavailable),
        ("limit", RateLimited),
        ("too_long", ContextWindowExceeded),
        ("refuse", ContentFiltered),
    ],
)
async def test_when_nothing_helps_the_error_is_ours_with_all_attempts(does: Any, error: type[Exception]) -> None:
    one, two = Served("one", does), Served("two", does)
    async with served(one, two):
        told = router(one.deployment(), two.deployment(), retries=1)
        with pytest.raises(error) as caught:
            await answer(told.group("fast"))
    assert caught.type is error
    attempts: Any = caught.value.attempts  # type: ignore[attr-defined]
    assert len(attempts) == one.asked + two.asked
    assert "router:fast" in str(caught.value)


async def test_when_all_rest_the_caller_is_told_for_how_long() -> None:
    one, two = Served("one", "limit"), Served("two", "limit")
    async with served(one, two):
        group = router(one.deployment(), two.deployment(), retries=1).group("fast")
        for _ in range(2):
            with pytest.raises(RateLimited) as caught:
                await answer(group)
    assert one.asked + two.asked == 2
    assert caught.value.retry_after is not None


async def test_a_cut_stream_is_an_error_that_counts() -> None:
    cut = Served("cut", "cut")
    async with served(cut):
        told = router(cut.deployment())
        with pytest.raises(ModelUnavailable) as caught:
            await answer(told.group("fast"))
        [state] = await health(told)
    assert caught.value.retryable
    assert (state.failed, state.in_flight, state.state) == (1, 0, "failing")


async def test_who_leaves_early_is_no_failure() -> None:
    slow = Served("slow", delay=0.2)
    async with served(slow):
        told = router(slow.deployment(), strategy="least-busy")
        async with aclosing(told.group("fast").answer(Request(messages=[user("hi")]))) as stream:
            assert isinstance(await anext(stream), Piece)
            [state] = await health(told)
            assert state.in_flight == 1
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await answer(told.group("fast"))
        [state] = await health(told)
    assert (state.in_flight, state.failed, state.calls) == (0, 0, 0)


async def test_a_prompt_goes_where_it_fits() -> None:
    small, large = Served("small"), Served("large")
    async with served(small, large):
        deployments = small.deployment(context_tokens=50), large.deployment(context_tokens=100_000)
        group = router(*deployments, pre_call_checks=True).group("fast")
        for _ in range(10):
            await answer(group, "long " * 500)
    assert (small.asked, large.asked) == (0, 10)


class Written:
    """A source that somebody changes."""

    def __init__(self, router: Router) -> None:
        self.version, self.router = 1, router

    def change(self, router: Router) -> None:
        self.version, self.router = self.version + 1, router

    async def newest(self, known: int) -> tuple[int, Router] | None:
        return None if known >= self.version else (self.version, self.router)


async def test_a_change_takes_hold_while_calls_end_on_the_old_one() -> None:
    old, new = Served("old", delay=0.4), Served("new")
    async with served(old, new):
        source = Written(router(old.deployment()))
        live = Live(source)
        connect(live)
        try:
            group = resolve("router:fast")
            stream = group.answer(Request(messages=[user("hi")]))
            said = [await anext(stream)]
            source.change(router(new.deployment()))
            began = time.monotonic()
            while (last := await answer(group)).message.text != "from new":
                assert last.message.text == "from old"
            assert time.monotonic() - began < 2.0
            said += [item async for item in stream]
        finally:
            disconnect(live)
    end = said[-1]
    assert isinstance(end, Answer)
    assert end.message.text == "from old"


async def test_who_rests_goes_on_resting_after_a_change() -> None:
    good, bad = Served("good"), Served("bad", "limit")
    async with served(good, bad):
        source = Written(router(good.deployment(), bad.deployment()))
        live = Live(source)
        await many_on(live, 30)
        assert bad.asked == 1
        source.change(router(good.deployment(), bad.deployment(), retries=1))
        await live.switch(now=True)
        await many_on(live, 30)
        assert bad.asked == 1
        states = Counter([one.state for one in await (await live.switch()).health()])
    assert states == {"ok": 1, "resting": 1}


async def many_on(live: Live, calls: int) -> None:
    connect(live)
    try:
        _, errors = await many(resolve("router:fast"), calls, at_once=1)
    finally:
        disconnect(live)
    assert not errors


async def test_nothing_of_a_router_stays_with_litellm() -> None:
    library = load()
    names = ("callbacks", "input_callback", "success_callback", "_async_success_callback", "_async_failure_callback")
    before = [list(getattr(library, name)) for name in names]
    async with served(one := Served("one")):
        for strategy in STRATEGIES:
            await answer(router(one.deployment(), strategy=strategy).group("fast"))
    assert [list(getattr(library, name)) for name in names] == before


async def test_probing_asks_everyone() -> None:
    good, bad = Served("good"), Served("bad", "fail")
    async with served(good, bad):
        probes = await probe(router(good.deployment(), bad.deployment()))
    assert [each.ok for each in probes] == [True, False]
    assert "it broke" in (probes[1].error or "")


async def test_no_router_and_no_group_are_told() -> None:
    with pytest.raises(UsageError, match="no router is live"):
        await answer(resolve("router:fast"))
    with pytest.raises(UsageError, match="it has: fast"):
        router(Deployment("openai/gpt-5-mini")).group("slow")


async def test_what_all_can_do_is_what_the_group_can_do() -> None:
    told = router(Deployment("openai/gpt-5-mini"), Deployment("openai/nobody-knows-me"))
    assert told.group("fast").capabilities.output == "prompt"
    assert router(Deployment("openai/gpt-5-mini")).group("fast").capabilities.output == "native"
