"""Agents that remember: by themselves and by their tools, for one user and nobody else."""

import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from weft import Agent, App, Memory
from weft.errors import NotFound, UsageError
from weft.events import MemoryRecalled
from weft.memory import remembering
from weft.models.scripted import Scripted, call
from weft.storage.base import Page, Scope

ADA = Scope(user="ada")


def helper(*says: Any, **memory: Any) -> Agent[Any]:
    return Agent("helper", model=Scripted(says), memory=Memory(**memory))


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with App(store=store_url) as opened:
        yield opened


def told(agent: Agent[Any], at: int = -1) -> str:
    """What the model was sent as the user's last words."""
    model: Any = agent.model
    return model.asked[at].messages[-1].text


async def test_it_remembers_in_one_thread_and_knows_in_another(app: App) -> None:
    agent = helper(
        call("remember", fact="Ada is allergic to nuts", subject="Ada", attribute="allergy"), "Noted.", "No nuts."
    )
    await app.run(agent, "I am allergic to nuts.", thread="t1", user="ada")
    result = await app.run(agent, "Is a nut cake fine for me, given my allergy?", thread="t2", user="ada")
    assert result.output == "No nuts."
    said = told(agent)
    assert said.startswith("<memories>")
    assert "Ada is allergic to nuts (agent's word)" in said
    assert said.endswith("Is a nut cake fine for me, given my allergy?")
    (found,) = await app.memories("ada").search("allergy")
    (source,) = await app.memories("ada").sources(found.memory.id)
    assert source.thread == "t1"
    assert [one.id for one in await app.store.runs.list(ADA, Page(), thread_id="t1")] == [source.run]


async def test_what_is_recalled_is_an_event_and_in_no_thread(app: App) -> None:
    kept = await app.memories("ada").add("Ada drinks green tea")
    agent = helper("Green tea?")
    result = await app.run(agent, "Which tea do I drink?", thread="t1", user="ada")
    recalled = [one.event for one in await app.events(ADA, result.run_id) if isinstance(one.event, MemoryRecalled)]
    assert [event.ids for event in recalled] == [(kept.id,)]
    rows = await app.store.threads.messages(ADA, "t1")
    assert not any(b"memories" in row.body or b"green" in row.body for row in rows)


async def test_another_user_is_told_nothing(app: App) -> None:
    await app.memories("ada").add("The code of the safe is 1234")
    agent = helper(call("recall", query="code safe"), call("forget", id="memory_x"), "I do not know.")
    await app.run(agent, "What is the code of the safe?", thread="t1", user="bob")
    assert "1234" not in str(agent.model.asked)  # pyright: ignore
    assert "Nothing is on record." in str(agent.model.asked[1])  # pyright: ignore
    assert "no memory" in str(agent.model.asked[2])  # pyright: ignore


async def test_it_searches_and_forgets(app: App) -> None:
    kept = await app.memories("ada").add("Ada drinks tea")
    agent = helper(call("recall", query="drinks"), call("forget", id=kept.id), "Forgotten.", "What?", recall=0)
    await app.run(agent, "Forget what I drink.", thread="t1", user="ada")
    assert f"{kept.id} " in str(agent.model.asked[1])  # pyright: ignore
    assert "Ada drinks tea" in str(agent.model.asked[1])  # pyright: ignore
    assert await app.memories("ada").search("tea") == []


async def test_what_is_recalled_has_a_limit(app: App) -> None:
    memories = app.memories("ada")
    for n in range(40):
        await memories.add(f"Ada drank tea of kind {n} in a garden, and liked it very much")
    many, few, none = helper("ok"), helper("ok", recall=60), helper("ok", recall=0)
    lines: list[int] = []
    for agent in (many, few, none):
        await app.run(agent, "Which tea?", user="ada")
        lines.append(told(agent).count("- "))
    assert lines == [10, 2, 0]


async def test_without_a_store_it_says_what_is_missing() -> None:
    with pytest.raises(UsageError, match="App"):
        await helper("ok").run("hello")


async def test_tools_only_where_they_are_wanted(app: App) -> None:
    with_tools, without = helper("ok"), helper("ok", tools=False)
    for agent in (with_tools, without):
        await app.run(agent, "hello", user="ada")
    offered = [[spec.name for spec in agent.model.asked[0].tools] for agent in (with_tools, without)]  # pyright: ignore
    assert offered == [["remember", "recall", "related", "forget", "search_thread"], []]
    with pytest.raises(UsageError):
        Memory(recall=-1)


async def test_the_index_goes_with_its_store(store_url: str) -> None:
    gc.collect()
    async with App(store=store_url) as opened:
        await opened.memories("ada").add("tea")
        before = len(remembering._libraries)
    del opened
    gc.collect()
    assert len(remembering._libraries) == before - 1


async def test_a_deleted_thread_takes_what_only_it_knew(app: App) -> None:
    agent = helper(call("remember", fact="Ada has a cat"), "Noted.")
    await app.run(agent, "I have a cat.", thread="t1", user="ada")
    (found,) = await app.memories("ada").search("cat")
    await app.store.threads.delete(ADA, "t1")
    with pytest.raises(NotFound):
        await app.memories("ada").get(found.memory.id)
