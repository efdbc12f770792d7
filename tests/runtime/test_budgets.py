"""Budgets and the ledger under real runs: on a store, over several processes, with calls that fail, stop or die."""

import asyncio
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.models.deployments import Served, served
from tests.warm import KILL, python
from weft import Agent, Budget, Context, Hook, Limits, Router
from weft.errors import Cancelled, ModelError, ModelUnavailable, RateLimited, UsageError
from weft.events import LimitReached, ModelFailed, RunPaused
from weft.messages import Message, Text, Usage
from weft.models.base import Answer, Request
from weft.models.prices import Price
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope

ALL = Scope("default")
CENT = Price(input=0.0, output=0.01, max_output=10)
"""Ten cents at most for an answer."""


def costs(usd: float | None, text: str = "ok", tokens: int = 10) -> Answer:
    usage = Usage(requests=1, input_tokens=0, output_tokens=tokens, cost=usd)
    return Answer(message=Message(role="assistant", parts=(Text(text),)), usage=usage, model="m-1")


def agent(*lines: Any, price: Price | None = CENT, name: str = "a", **options: Any) -> Agent[Any]:
    return Agent(name, model=Scripted(lines, order="repeat", name="m", price=price), **options)


async def test_a_call_that_would_exceed_is_not_made(apps: Any) -> None:
    one = agent(costs(0.04), costs(0.05))
    app = apps(one, budgets=[Budget("user", usd=0.18, per="day")])
    assert [(await app.run(one, "x", user="ada")).status for _ in range(2)] == ["finished"] * 2
    paused = await app.run(one, "x", user="ada", thread="t1")
    assert (paused.status, paused.output, paused.stop.code, paused.stop.limit) == ("paused", None, "budget", "user/day")
    told = str(paused.stop)
    assert "budget of user 'ada' ($0.18 per day) has $0.0900 left" in told
    assert "the next call may cost $0.1000; it is whole again at 2" in told
    assert len(one.model.asked) == 2
    seen = [envelope.event for envelope in await app.events(ALL, paused.run_id)]
    assert isinstance(seen[-2], LimitReached)
    assert seen[-1] == RunPaused((), "budget")
    assert (await app.run(one, "x", user="bob")).output == "ok", "each has his own"
    assert (await app.resume(paused.run_id, {})).paused
    await app.set_budget(Budget("user", usd=1, per="day", subject="ada"))
    assert (await app.resume(paused.run_id, {})).output == "ok"


@pytest.mark.parametrize("of", ["run", "thread", "user", "workspace"])
async def test_each_kind_holds_over_turns_and_nested_calls(apps: Any, of: Any) -> None:
    inner = agent(costs(None, tokens=30), name="inner", price=None)

    async def delegate(ctx: Context) -> str:
        """Ask another."""
        return await ctx.call(inner, "x")

    outer = Agent("outer", model=Scripted([call("delegate")], order="repeat", name="m"), tools=[delegate])
    app = apps(outer, budgets=[Budget(of, tokens=5_000)])
    paused = await app.run(outer, "x")
    assert (paused.status, paused.stop.limit) == ("paused", f"{of}/total")
    (state,) = await app.budgets()
    assert (state.tokens, state.held_tokens) == ((paused.usage.total_tokens, 0) if of == "workspace" else (None, None))
    again = await app.run(outer, "y", thread=paused.thread_id)
    assert again.paused
    assert (again.usage.requests > 0) == (of == "run")


async def test_an_unknown_price_is_refused_by_money_and_counted_by_tokens(apps: Any) -> None:
    one = agent(costs(None), price=None)
    app = apps(one, budgets=[Budget("workspace", usd=1), Budget("workspace", tokens=10_000, per="day")])
    paused = await app.run(one, "x")
    assert "nobody knows the price of 'm'" in str(paused.stop)
    await app.set_budget(Budget("workspace", usd=1, unpriced="allow"))
    assert (await app.resume(paused.run_id, {})).output == "ok"
    (row,) = await app.costs("model")
    assert (row.key, row.calls, row.usd, row.unpriced) == (("m-1",), 1, None, 1)
    states = {state.budget.per: state for state in await app.budgets()}
    assert (states["day"].tokens, states["total"].usd) == (10, 0.0)


async def test_failed_and_repeated_calls_are_on_record_and_give_back_what_they_held(apps: Any) -> None:
    one = agent(ModelUnavailable("busy"), RateLimited("slow down"), costs(0.05))
    app = apps(one, budgets=[Budget("run", usd=0.15)])
    result = await app.run(one, "x")
    assert result.status == "finished", "three reservations of $0.10 one after the other, not at once"
    rows = await app.costs("error", "finish")
    assert [(row.key, row.calls, row.failed, row.usd) for row in rows] == [
        (("", "stop"), 1, 0, 0.05),
        (("model.rate_limited", ""), 1, 1, None),
        (("model.unavailable", ""), 1, 1, None),
    ]
    failed = [e.event for e in await app.events(ALL, result.run_id) if isinstance(e.event, ModelFailed)]
    assert [event.code for event in failed] == ["model.unavailable", "model.rate_limited"]
    with pytest.raises(ModelError):
        await app.run(hopeless := agent(ModelError("no"), name="hopeless"), "x")
    assert hopeless.model.asked
    (state,) = await app.budgets()
    assert state.usd is None


class Twice(Hook):
    """Asks again, as a judge or a fallback does."""

    async def around_model(self, ctx: Any, request: Request, next: Any) -> Any:  # pyright: ignore
        async for _ in next(request):
            pass
        async for piece in next(request):
            yield piece


async def test_every_call_inside_a_hook_counts(apps: Any) -> None:
    one = agent(costs(0.01), costs(0.02), hooks=[Twice()])
    result = await apps(one).run(one, "x")
    assert result.usage.cost == pytest.approx(0.03)
    (row,) = await apps(one).costs("agent", "run", "thread", "user")
    assert (row.key, row.calls, row.usd) == (("a", result.run_id, result.thread_id, "local"), 2, 0.03)


async def test_a_cancelled_run_holds_nothing(apps: Any) -> None:
    started = asyncio.Event()

    class Slow(Scripted):
        async def answer(self, request: Request) -> Any:
            started.set()
            await asyncio.sleep(30)
            yield costs(0.01)

    slow = Agent("slow", model=Slow([], price=CENT))
    app = apps(slow, quick := agent(costs(0.01)), budgets=[Budget("workspace", usd=0.15)])
    for outside in (False, True):
        started.clear()
        task = asyncio.create_task(app.run(slow, "x"))
        await started.wait()
        assert (await app.run(quick, "x")).paused, "the other call holds ten cents"
        if outside:
            (run_id,) = app.runner.worker.driver.driven
            await app.cancel(ALL, run_id)
        else:
            task.cancel()
        with pytest.raises((asyncio.CancelledError, Cancelled)):
            await task
        assert (await app.run(quick, "x")).output == "ok"
    rows = await app.costs("error", only={"agent": "slow"})
    assert [(row.key, row.calls, row.usd) for row in rows] == [(("cancelled",), 2, None)], "by whomever they were ended"
    (state,) = await app.budgets()
    assert (state.usd, state.held_usd) == (0.02, 0.0)


async def test_never_overspent_by_two_hundred_runs_in_two_apps(apps: Any) -> None:
    dice = random.Random(3)

    def answered(request: Request) -> Any:
        if dice.random() < 0.2:
            return ModelError("no luck")
        return costs(round(dice.random() * 0.1, 6))

    class Sleepy(Scripted):
        async def answer(self, request: Request) -> Any:
            await asyncio.sleep(dice.random() * 0.01)
            async for piece in super().answer(request):
                yield piece

    one = Agent("a", model=Sleepy([answered], order="repeat", price=CENT))
    budgets = [Budget("workspace", usd=2.0), Budget("user", usd=0.7, per="month")]
    both = [apps(one, budgets=budgets), apps(one, budgets=budgets)]

    async def go(number: int) -> Any:
        try:
            result = await both[number % 2].run(one, "x", user=f"u{number % 4}")
        except ModelError:
            return 0.0, False
        return result.cost, result.paused

    ended = await asyncio.gather(*[go(number) for number in range(200)])
    spent = sum(cost for cost, _ in ended)
    assert any(paused for _, paused in ended)
    (state,) = [state for state in await both[0].budgets() if state.budget.of == "workspace"]
    assert (state.usd, state.held_usd) == (pytest.approx(spent), 0.0)
    (row,) = await both[1].costs()
    assert (row.usd, row.calls) == (
        pytest.approx(spent),
        row.failed + sum(not paused and cost > 0 for cost, paused in ended),
    )
    assert spent <= 2.0
    assert all(row.usd is None or row.usd <= 0.7 for row in await both[1].costs("user"))


@pytest.mark.timeout(300)  # LiteLLM is slow to give up on a deployment
async def test_exact_with_fallbacks_under_two_hundred_calls_at_once(apps: Any) -> None:
    """The group's own deployments fail, are out of quota or cut the stream; another group takes over."""
    bad, limited, cut, dear = Served("bad", "fail"), Served("limited", quota=20), Served("cut", "cut"), Served("dear")
    one = Agent("a", model="router:fast", settings={"max_tokens": 5})
    async with served(bad, limited, cut, dear):
        router = Router(
            groups={
                "fast": tuple([each.deployment("openai/gpt-5") for each in (bad, limited, cut)]),
                "dear": (dear.deployment("openai/gpt-5"),),
            },
            fallbacks={"fast": ("dear",)},
            retries=1,
            cooldown=60,
        )
        both = [apps(one, router=router, lease=300.0, budgets=[Budget("workspace", usd=0.005)]) for _ in range(2)]

        async def go(number: int) -> Any:
            try:
                result = await both[number % 2].run(one, "twenty words " * 10)
            except ModelError:
                return 0.0, False
            return result.cost, result.paused

        ended = await asyncio.gather(*[go(number) for number in range(200)])
        (state,) = await both[0].budgets()
        (row,) = await both[1].costs()
    spent = sum([cost for cost, _ in ended])
    assert any([paused for _, paused in ended]), "it was used up"
    assert 0.003 < spent <= 0.005
    assert (state.usd, state.held_usd) == (pytest.approx(spent, abs=1e-12), 0.0)
    assert row.usd == pytest.approx(spent, abs=1e-12)
    assert row.usd == pytest.approx((row.calls - row.failed) * (10 * 1.25e-6 + 5 * 1e-5))
    assert row.failed >= bad.asked > 0


CHILD = """
import asyncio, os, signal, sys
from weft import Agent, App, Budget
from weft.models.prices import Price
from weft.models.scripted import Scripted

class Dies(Scripted):
    async def answer(self, request):
        print("calling", flush=True)
        await asyncio.sleep(60)
        yield None

agent = Agent("a", model=Dies([], price=Price(input=0, output=0.01, max_output=10)))
app = App(agents=[agent], store=sys.argv[1], budgets=[Budget("workspace", usd=0.15)], lease=1.0)
asyncio.run(app.run(agent, "x", thread="t1"))
"""


@pytest.mark.usefixtures("warm")
async def test_what_a_killed_process_held_comes_back(apps: Any, shared_url: str, tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(CHILD)
    child = await asyncio.create_subprocess_exec(*python(tmp_path / "child.py", shared_url), stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert await asyncio.wait_for(child.stdout.readline(), 30) == b"calling\n"
    app = apps(one := agent(costs(0.05)), budgets=[Budget("workspace", usd=0.15)], lease=1.0)
    assert (await app.run(one, "x", thread="t2")).paused
    child.send_signal(KILL)
    await child.wait()
    result = await app.run(one, "x")
    for _ in range(100):
        if not result.paused:
            break
        await asyncio.sleep(0.2)  # until its lease is over
        result = await app.run(one, "x")
    assert result.output == "ok"
    (state,) = await app.budgets()
    assert (state.usd, state.held_usd) == (0.05, 0.0)


async def test_a_budget_set_elsewhere_holds_within_two_seconds(apps: Any) -> None:
    one = agent(costs(0.05))
    here, there = apps(one), apps(one)
    assert (await here.run(one, "x")).output == "ok"
    await there.set_budget(Budget("workspace", usd=0.1))
    await asyncio.sleep(2.1)
    assert (await here.run(one, "x")).paused, "five cents were spent before there was a budget"
    await there.remove_budget("workspace", "total")
    await asyncio.sleep(2.1)
    assert (await here.run(one, "x")).output == "ok"


async def test_a_limit_and_a_budget_of_one_run(apps: Any) -> None:
    one = agent(costs(0.05))
    app = apps(one, budgets=[Budget("run", usd=0.01)])
    assert (await app.run(one, "x", limits=Limits(turns=0))).stop.limit == "turns"
    assert (await app.run(one, "x", limits=Limits(turns=9))).stop.limit == "run/total"


@pytest.mark.parametrize(
    "values",
    [
        {"of": "user"},
        {"of": "team", "usd": 1},
        {"of": "user", "usd": -1},
        {"of": "user", "usd": 1, "per": "week"},
        {"of": "run", "usd": 1, "per": "day"},
        {"of": "workspace", "usd": 1, "subject": "x"},
    ],
)
def test_a_budget_that_cannot_be_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Budget(**values)
