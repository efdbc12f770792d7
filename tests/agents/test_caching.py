"""Answers that are given again: from memory, a database or Redis, in one workspace only, free of cost and marked."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from tests.given import given
from tests.services import redis
from weft import Agent, Budget
from weft.errors import ModelUnavailable, UsageError
from weft.events import Custom, Delta, ModelFinished
from weft.messages import Message, Text, Usage
from weft.models.base import Answer
from weft.models.kept import MEMORY, AnswerCache, InMemory
from weft.models.prices import Price
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope

ALL = Scope("default")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    yield from given(redis())


@pytest.fixture(params=["memory", "store", "redis"])
def keep(request: pytest.FixtureRequest) -> Iterator[str]:
    MEMORY.clear()
    if request.param == "redis":
        with Redis.from_url(url := request.getfixturevalue("redis_url")) as client:
            client.flushdb()
        yield url
    else:
        yield request.param
    MEMORY.clear()


def answered(text: str, finish: Any = "stop") -> Answer:
    usage = Usage(requests=1, input_tokens=5, output_tokens=5, cost=0.02)
    return Answer(message=Message(role="assistant", parts=(Text(text),)), usage=usage, finish=finish, model="m-1")


def model(*lines: Any, name: str = "m") -> Scripted:
    return Scripted(lines, name=name, order="repeat", price=Price(input=0, output=0.01, max_output=10))


def agent(*lines: Any, keep: str, name: str = "a", ttl: float | None = 60.0, **options: Any) -> Agent[Any]:
    return Agent(name, model=model(*lines), cache=AnswerCache(ttl=ttl, keep=keep), **options)


async def test_the_same_request_is_made_once_and_costs_once(apps: Any, keep: str) -> None:
    one = agent(answered("first"), answered("second"), keep=keep)
    app = apps(one)
    results = [await app.run(one, "What is it?") for _ in range(3)]
    assert [result.output for result in results] == ["first"] * 3
    assert [(result.usage.requests, result.usage.cost) for result in results] == [(1, 0.02), (0, 0.0), (0, 0.0)]
    ended = [each.event for each in await app.events(ALL, results[1].run_id)]
    assert [event.cached for event in ended if isinstance(event, ModelFinished)] == [True]
    rows = {row.key[0]: (row.calls, row.usd) for row in await app.costs("finish")}
    assert rows == {"stop": (1, 0.02), "cached": (2, 0.0)}
    assert (await app.run(one, "What else?")).output == "second"
    ids = [message.id for result in results for message in result.messages]
    assert len(set(ids)) == len(ids)


async def test_other_workspaces_models_settings_and_words_are_other_requests(apps: Any, keep: str) -> None:
    told = {"instructions": "apart", "keep": keep}
    first = agent(answered("one"), **told)
    assert (await apps(first).run(first, "x")).output == "one"
    elsewhere = agent(answered("two"), **told)
    assert (await apps(elsewhere, workspace="other").run(elsewhere, "x")).output == "two"
    others = [
        agent(answered("two"), **told, settings={"temperature": 1}),
        agent(answered("two"), **told, tools=[lookup]),
        Agent(
            "a", model=model(answered("two"), name="n"), instructions=told["instructions"], cache=AnswerCache(keep=keep)
        ),
    ]
    for other in others:
        assert (await apps(other).run(other, "x")).output == "two"
    again = agent(answered("two"), **told)
    assert (await apps(again).run(again, "x")).output == "one", "another process, the same workspace"
    assert (await apps(again).run(again, "x ")).output == "two"


def lookup(what: str) -> str:
    """Look it up."""
    return what


async def test_it_is_forgotten_in_time(apps: Any, keep: str) -> None:
    lasting = agent(answered("first"), answered("second"), keep=keep, ttl=60)
    brief = agent(answered("first"), answered("second"), keep=keep, name="b", ttl=0.05)
    app = apps(lasting, brief)
    assert [(await app.run(lasting, "x")).output for _ in range(2)] == ["first", "first"]
    assert (await app.run(brief, "y")).output == "first"
    await asyncio.sleep(0.1)
    assert (await app.run(brief, "y")).output == "second"


async def test_calls_of_tools_and_pieces_come_again(apps: Any) -> None:
    MEMORY.clear()
    lines = [call("lookup", what="a"), "It is a."]
    app = apps(one := Agent("a", model=Scripted(lines, by="word", order="next"), tools=[lookup], cache=AnswerCache()))
    first = await app.run(one, "x")
    second = [each async for each in app.stream(one, "x")]
    words = [each.event.text for each in second if isinstance(each.event, Delta)]
    assert len(words) > 1
    assert "".join(words) == first.output == "It is a."


async def test_what_was_cut_short_or_failed_is_asked_again(apps: Any) -> None:
    MEMORY.clear()
    one = agent(
        answered("ha", "length"),
        ModelUnavailable("later"),
        answered("half", "content_filter"),
        answered("whole"),
        keep="memory",
    )
    app = apps(one)
    assert [(await app.run(one, "x")).output for _ in range(4)] == ["ha", "half", "whole", "whole"]


async def test_a_cached_answer_needs_no_budget(apps: Any) -> None:
    MEMORY.clear()
    one = agent(answered("known"), keep="memory")
    app = apps(one, budgets=[Budget("workspace", usd=0.11)])
    assert (await app.run(one, "x")).output == "known"
    assert (await app.run(one, "x")).output == "known"
    assert (await app.run(one, "y")).paused


async def test_answers_of_a_deleted_thread_go_with_it(apps: Any) -> None:
    one = agent(answered("first"), answered("second"), keep="store")
    app = apps(one)
    await app.run(one, "x", thread="t")
    await app.store.threads.delete(ALL, "t")
    assert (await app.run(one, "x")).output == "second"


async def test_a_cache_that_is_down_is_told_and_costs_no_run(apps: Any) -> None:
    one = agent(answered("said"), keep="redis://127.0.0.1:9/0")
    app = apps(one)
    result = await app.run(one, "x")
    assert result.output == "said"
    told = [each.event for each in await app.events(ALL, result.run_id) if isinstance(each.event, Custom)]
    assert [event.name for event in told] == ["cache.failed"] * 2


async def test_without_a_store_it_is_kept_in_memory() -> None:
    MEMORY.clear()
    one = agent(answered("first"), answered("second"), keep="store")
    assert [(await one.run("x")).output for _ in range(2)] == ["first", "first"]


async def test_memory_is_bounded_and_the_oldest_goes() -> None:
    kept = InMemory(most=100)
    for number in range(5):
        await kept.keep("w", str(number), b"x" * 30, ttl=None, user="u", thread_id="t")
        await kept.find("w", "0")
    assert [await kept.find("w", str(number)) is not None for number in range(5)] == [True, False, False, True, True]


@pytest.mark.parametrize("options", [{"ttl": 0}, {"keep": "disk"}, {"keep": "redis://me:secret@127.0.0.1/0"}])
def test_a_cache_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="AnswerCache"):
        AnswerCache(**options)
