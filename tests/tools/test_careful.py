"""Care around a tool's calls: tries again, a breaker, a cache, so many at the same time."""

import asyncio
from typing import Any

import pytest

from tests.tools.conftest import Recorded, Run
from weft.engine.breaker import Breaker
from weft.engine.cache import Cache
from weft.engine.context import Context, Interrupted
from weft.engine.policy import Retry
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.tools.careful import Care
from weft.tools.function import tool
from weft.tools.run import Broke, run_tool
from weft.tools.sets import Cached, Careful, Fixed

QUICK = Retry(attempts=3, pause=0.001, jitter=False)


class Flaky:
    """Fails so many times with these errors, then works."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors, self.calls = list(errors), 0

    async def __call__(self, a: int) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return f"ok {a}"


async def test_what_broke_is_tried_again_and_told(ctx: Context[Any], host: Recorded) -> None:
    flaky = Flaky(OSError("net"), TimeoutError())
    result = await run_tool(tool(flaky, retry=QUICK).tool, {"a": 1}, ctx)
    assert (result.content, flaky.calls) == ("ok 1", 3)
    told = [event.data for event in host.events]
    assert [(each["attempt"], each["why"], each["seconds"]) for each in told] == [
        (2, "OSError: net", 0.001), (3, "TimeoutError", 0.002),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "retry", "calls"),
    [
        (ToolRetry("say it so"), QUICK, 1),
        (ToolFailed("no such city"), QUICK, 1),
        (OSError("net"), QUICK, 3),
        (OSError("net"), Retry(attempts=3, pause=0.001, on=(KeyError,)), 1),
        (KeyError("x"), Retry(attempts=2, pause=0.001, on=(KeyError,)), 2),
        (Interrupted(()), QUICK, 1),
    ],
    ids=repr,
)
async def test_what_is_tried_again(error: BaseException, retry: Retry, calls: int, ctx: Context[Any]) -> None:
    flaky = Flaky(*[error] * 5)
    with pytest.raises((ToolFailed, ToolRetry, Interrupted)):
        await run_tool(tool(flaky, retry=retry).tool, {"a": 1}, ctx)
    assert flaky.calls == calls


async def test_each_try_has_its_own_time(ctx: Context[Any]) -> None:
    tries: list[int] = []

    @tool(timeout=0.3, retry=QUICK)
    async def slow() -> str:
        tries.append(1)
        await asyncio.sleep(10 if len(tries) < 3 else 0)
        return "at last"

    assert (await run_tool(slow.tool, {}, ctx)).content == "at last"


async def test_a_breaker_leaves_a_broken_tool_alone(ctx: Context[Any]) -> None:
    now = [0.0]
    breaker = Breaker(failures=2, seconds=10, clock=lambda: now[0])
    flaky = Flaky(OSError("a"), ToolRetry("no"), OSError("b"), OSError("c"))
    made = tool(flaky, breaker=breaker).tool
    words: list[str] = []
    for _ in range(5):
        with pytest.raises((ToolFailed, ToolRetry)) as raised:
            await run_tool(made, {"a": 1}, ctx)
        words.append(str(raised.value))
    assert flaky.calls == 4  # what the tool says itself is no failure: only b and c are two in a row
    assert "Flaky: it failed 2 times in a row and is left alone until" in words[-1]
    now[0] = 11.0
    assert (await run_tool(made, {"a": 1}, ctx)).content == "ok 1"


async def test_results_are_kept_by_user_and_arguments(ctx: Context[Any], host: Recorded) -> None:
    class Other(Run):
        user_id = "u2"

    flaky = Flaky(OSError("not kept"))
    made = tool(flaky, cache=Cache(ttl=60)).tool
    with pytest.raises(Broke):
        await run_tool(made, {"a": 1}, ctx)
    for _ in range(2):
        await run_tool(made, {"a": 1}, ctx)
    assert flaky.calls == 2
    await run_tool(made, {"a": 2}, ctx)
    assert flaky.calls == 3
    await run_tool(made, {"a": 1}, Context(Other(), ctx.path, None, host))
    assert flaky.calls == 4


async def test_so_many_at_the_same_time(ctx: Context[Any]) -> None:
    now, most = 0, 0

    @tool(parallel=3, timeout=1.5)
    async def work() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.3)
        now -= 1

    await asyncio.gather(*(run_tool(work.tool, {}, ctx) for _ in range(18)))  # longer in all than its time limit
    assert most == 3


def test_parallel_in_one_loop_after_another(ctx: Context[Any]) -> None:
    @tool(parallel=1)
    async def work() -> None:
        await asyncio.sleep(0.001)

    async def many() -> None:
        await asyncio.gather(*(run_tool(work.tool, {}, ctx) for _ in range(3)))

    asyncio.run(many())
    asyncio.run(many())


@pytest.mark.parametrize("options", [{"retry": QUICK}, {"cache": Cache()}, {"parallel": 0}])
def test_care_that_cannot_be(options: Any) -> None:
    def send() -> None: ...

    with pytest.raises(UsageError):
        _ = tool(send, effect="once", **options).tool


async def test_sets_called_with_care(ctx: Context[Any]) -> None:
    first, second = Flaky(OSError("x")), Flaky(OSError("x"))
    read = tool(first, name="read", effect="read")
    send = tool(second, name="send", effect="once")
    tools = Cached(Careful(Fixed(read, send), Care(retry=QUICK)), ttl=60)
    members = {each.name: each for each in await tools.tools(ctx)}
    assert [each is members[each.name] for each in await tools.tools(ctx)] == [True, True]
    for _ in range(2):
        assert (await run_tool(members["read"], {"a": 1}, ctx)).content == "ok 1"
    assert first.calls == 2
    with pytest.raises(Broke):
        await run_tool(members["send"], {"a": 1}, ctx)
    assert second.calls == 1
    assert repr(tools) == "Cached(Careful(Fixed(read, send)))"
