"""All that was said in a thread is found: in ten thousand messages, by its user, and without what was undone."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.storage.samples import LOCAL, begin, commit_of, event
from weft import Agent, App, ContextPolicy, Memory
from weft.errors import NotFound
from weft.memory.transcript import search_thread
from weft.messages import user
from weft.models.ports import Vectors
from weft.models.scripted import Scripted, call
from weft.runtime.conversation import Said, dump_message
from weft.storage import Store
from weft.storage.base import MessageRow, Scope

MANY = 10_000


def row(seq: int, text: str, run_id: str) -> MessageRow:
    return dump_message(Said(user(text), seq), "", run_id, 1e9 + seq)


async def filled(store: Store, count: int) -> None:
    run = await begin(store, thread_id="long")
    for n in range(1, count + 1, 500):
        rows = [row(seq, f"We spoke of matter {seq} on the way", run.id) for seq in range(n, min(n + 500, count + 1))]
        await store.commit(commit_of(run, 1 + n // 500, messages=rows, events=[event(1 + n // 500)]))


@pytest.mark.blocks
async def test_ten_thousand_messages(store: Store) -> None:
    await filled(store, MANY)
    (found,) = await search_thread(store, LOCAL, "long", "matter 7321", limit=1)
    assert (found.seq, found.role, found.text) == (7321, "user", "We spoke of matter 7321 on the way")
    began = time.process_time()
    for n in range(20):
        (found,) = await search_thread(store, LOCAL, "long", f"matter {n * 400 + 1}", limit=1)
        assert found.seq == n * 400 + 1
    assert (time.process_time() - began) / 20 < 0.05
    with pytest.raises(NotFound):
        await search_thread(store, Scope("default", "bob"), "long", "matter")


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with App(store=store_url) as opened:
        yield opened


async def test_an_agent_finds_what_left_its_context(app: App) -> None:
    script = ["Noted."] * 4 + [call("search_thread", query="colour of the door"), "It is blue."]
    few = ContextPolicy(max_messages=2)
    agent: Agent[Any] = Agent("helper", model=Scripted(script), memory=Memory(recall=0), context=few)
    for words in ("The door is painted in the colour blue.", "Hello.", "How are you?", "Fine."):
        await app.run(agent, words, thread="t1", user="ada")
    result = await app.run(agent, "Which colour has the door?", thread="t1", user="ada")
    assert all(one.text.strip() for one in await app.search_thread("t1", "colour of the door", user="ada", limit=100))
    asked: Any = agent.model
    assert result.output == "It is blue."
    assert "painted" not in str(asked.asked[4].messages)
    assert "painted in the colour blue" in str(asked.asked[5].messages[-1])


async def test_a_thread_of_the_same_name_begins_anew(app: App) -> None:
    agent: Agent[Any] = Agent("helper", model=Scripted(["ok"], order="repeat"))
    await app.run(agent, "The old secret", thread="t1", user="ada")
    assert (await app.search_thread("t1", "secret", user="ada"))[0].text == "The old secret"
    await app.store.threads.delete(Scope(user="ada"), "t1")
    with pytest.raises(NotFound):
        await app.search_thread("t1", "secret", user="ada")
    await app.run(agent, "Something new", thread="t1", user="ada")
    assert await app.search_thread("t1", "secret", user="ada") == []


async def test_explain_shows_what_would_be_recalled(store_url: str) -> None:
    model = Scripted(["ok"], order="repeat")
    agent: Agent[Any] = Agent("helper", model=model, instructions="Be kind.", memory=Memory())
    async with App(agents=[agent], store=store_url) as app:
        ada = app.memories("ada", agent="helper")
        await ada.add("Ada drinks green tea")
        await ada.add("Speak German.", of="practice", kind="procedural")
        await app.run(agent, "Which tea?", thread="t1", user="ada")
        items = (await app.explain(Scope(user="ada"), "t1")).items
        assert [item.source for item in items] == ["instructions", "memory", "thread", "thread"]
        assert "Speak German." in items[0].message.text
        assert "green tea" in items[1].message.text
        assert items[1].tokens > 0


async def test_what_the_user_said_comes_before_what_was_answered(app: App) -> None:
    agent: Agent[Any] = Agent("helper", model=Scripted(["The gate is green and old."] * 2 + ["Well."] * 2))
    for words in ("Hello.", "Hm.", "Fine.", "Our gate is green and old, by the way."):
        await app.run(agent, words, thread="t1", user="ada")
    found = await app.search_thread("t1", "Is the gate green?", user="ada")
    assert (found[0].role, found[0].seq) == ("user", 7)
    assert {one.role for one in found[1:]} >= {"assistant"}


class Colours:
    """``Embedder`` that knows two things."""

    name = "colours"
    asked = 0

    async def embed(self, texts: Sequence[str], **settings: Any) -> Vectors:
        self.asked += len(texts)
        return Vectors(vectors=tuple([(1.0, 0.1) if "scarlet" in t or "red" in t else (0.1, 1.0) for t in texts]))


async def test_a_thread_is_searched_by_meaning_too(store_url: str) -> None:
    colours = Colours()
    long = "\n\n".join([f"Paragraph {n} of nothing much. " * 20 for n in range(12)] + ["My coat is scarlet."])
    agent: Agent[Any] = Agent("helper", model=Scripted(["Yes."] * 3), memory=Memory(recall=0, embedder=colours))
    async with App(agents=[agent], store=store_url) as app:
        for words in ("Trees are green.", long, "It is late."):
            await app.run(agent, words, thread="t1", user="ada")
        first, *_ = await app.search_thread("t1", "red", user="ada", limit=2)
        assert (first.seq, first.role, first.text.endswith("My coat is scarlet.")) == (3, "user", False)
        before = colours.asked
        await app.search_thread("t1", "red", user="ada")
        assert colours.asked == before + 1
        (shown,) = await app.search_thread("t1", "red coat", user="ada", limit=1)
        assert "My coat is scarlet." in shown.text
        assert len(shown.text) < len(long)
