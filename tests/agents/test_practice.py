"""How an agent comes to do better: feedback, proposals, a person's word; and profiles, pins, notes and order."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from weft import Agent, App, Context, Memory
from weft.errors import Conflict, NotFound, UsageError
from weft.memory.notes import note
from weft.memory.profile import Profile, change_profile, over, profile_history, read_profile
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope
from weft.storage.memory_rows import MemoryRow, Shelf, Source
from weft.tools.function import tool

ADA = Scope(user="ada")


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with App(agents=[helper], store=store_url) as opened:
        helper.model.asked.clear()  # pyright: ignore
        reader.asked.clear()
        yield opened


reader = Scripted([lambda _: "unset"], order="repeat", name="reader")
helper: Agent[Any] = Agent(
    "helper",
    model=Scripted(["An answer."], order="repeat"),
    instructions="Be kind.",
    memory=Memory(recall=600, extract=reader),
)


def asked(agent: Agent[Any] = helper) -> list[str]:
    """What the model was sent last, message by message."""
    model: Any = agent.model
    return [message.text for message in model.asked[-1].messages]


def reads(changes: list[dict[str, Any]]) -> None:
    """What the reader says from now on: nothing of turns, and these changes."""

    def line(request: Any) -> str:
        return json.dumps({"changes": changes} if "Remark" in request.messages[-1].text else {"facts": []})

    reader._lines[:] = Scripted([line])._lines  # pyright: ignore


async def test_feedback_becomes_an_instruction_once_a_person_approves(app: App) -> None:
    first = await app.run(helper, "How much is it?", thread="t1", user="ada")
    down = await app.feedback(first.run_id, "thumb", "down", author="ada")
    right = await app.feedback(first.run_id, "correction", "Say the price in francs", message=2)
    reads([{"text": "Say prices in francs.", "remarks": [down.n, right.n]}, {"text": "Shout.", "remarks": [999]}])
    await app.propose("helper")
    await app.settled()
    assert "How much is it?" in reader.asked[-1].messages[-1].text
    assert "Be kind." in reader.asked[-1].messages[-1].text
    (proposed,) = await app.proposals()
    assert (proposed.row.text, proposed.shelf.user, proposed.shelf.agent) == ("Say prices in francs.", None, "helper")
    assert len(await app.store.memories.sources(Scope(), proposed.row.id)) == 2
    await app.run(helper, "Hi", user="bob")
    assert asked()[0] == "Be kind."
    await app.approve(proposed.row.id)
    await app.run(helper, "Hi", user="bob")
    assert asked()[0].startswith("Be kind.")
    assert "- Say prices in francs." in asked()[0]
    assert "francs" not in asked()[-1]
    with pytest.raises(Conflict):
        await app.approve(proposed.row.id)
    assert await app.proposals() == []


async def test_what_is_replaced_ends_and_feedback_counts_once(app: App) -> None:
    run = await app.run(helper, "Hi", thread="t1", user="ada")
    old = await app.memories("ada", agent="helper").add("Say du.", of="practice", kind="procedural")
    remark = await app.feedback(run.run_id, "correction", "Say Sie")
    reads([{"text": "Say Sie.", "remarks": [remark.n], "replaces": old.id}])
    for _ in range(2):
        await app.propose("helper")
        await app.settled()
    (proposed,) = await app.proposals()
    await app.approve(proposed.row.id)
    await app.run(helper, "Hi", user="bob")
    assert "Say Sie." in asked()[0]
    assert "Say du." not in asked()[0]
    assert sum("Remark" in request.messages[-1].text for request in reader.asked) == 1
    assert (await app.costs("agent", only={"agent": "helper.memory"}))[0].calls >= 1


async def test_who_is_rejected_or_of_another_user_does_not_count(app: App) -> None:
    mine = await app.memories("ada", agent="helper").add("Say Sie.", of="agent", kind="proposed", trust="agent")
    with pytest.raises(NotFound):
        await app.approve(mine.id, user="bob")
    everybodys = await app.memories("ada", agent="helper").add("Obey Ada.", of="practice", kind="proposed")
    with pytest.raises(NotFound):
        await app.approve(everybodys.id, user="ada")
    await app.reject(mine.id)
    with pytest.raises(Conflict):
        await app.approve(mine.id)
    with pytest.raises(UsageError, match="proposed"):
        await app.memories("ada").add("Obey.", kind="procedural", trust="tool")
    with pytest.raises(UsageError):
        await app.feedback("run_x", "thumb", "sideways")


async def test_who_proposes_next_is_told_why_something_was_rejected(app: App) -> None:
    run = await app.run(helper, "How much?", thread="t1", user="ada")
    for answer in ("Say prices in francs.", "Say prices in euros."):
        remark = await app.feedback(run.run_id, "correction", f"Well: {answer}")
        reads([{"text": answer, "remarks": [remark.n]}])
        await app.propose("helper")
        await app.settled()
        (proposed,) = await app.proposals()
        await app.reject(proposed.row.id, reason="We\nsell in pounds")
    shown = [request.messages[-1].text for request in reader.asked if "Remark" in request.messages[-1].text]
    assert ["rejected" in one for one in shown] == [False, True]
    assert "- Say prices in francs. Reason: We sell in pounds\n" in shown[1]
    rows = await app.store.memories.find(Scope(), proposed.row.id)
    assert [each.row.rejected for each in rows] == [None, "We sell in pounds"]


async def test_what_is_pinned_comes_first(app: App) -> None:
    memories = app.memories("ada")
    for n in range(30):
        await memories.add(f"Ada drank tea of kind {n}, in a garden that she liked")
    await memories.add("Ada may not eat nuts", pinned=True)
    await app.run(helper, "Which tea in which garden?", thread="t1", user="ada")
    told = asked()[-1].splitlines()
    assert "nuts" in told[2]
    assert "tea" in told[3]


async def test_a_pinned_message_stays_in_view_of_its_thread(app: App) -> None:
    await app.run(helper, "The budget is 500 francs.", thread="t1", user="ada")
    pinned = await app.pin("t1", 1, user="ada")
    await app.run(helper, "Hello", thread="t1", user="ada")
    assert "user: The budget is 500 francs." in asked()[-1]
    await app.run(helper, "Hello", thread="t2", user="ada")
    assert "budget" not in str(asked())
    await app.memories("ada", thread="t1").forget(pinned.id)
    await app.run(helper, "Hello", thread="t1", user="ada")
    assert "budget" not in asked()[-1]
    with pytest.raises(NotFound):
        await app.pin("t1", 99, user="ada")


async def test_what_was_told_twice_becomes_one_and_what_is_faint_goes(app: App) -> None:
    memories = app.memories("ada", agent="helper")
    for run, text in (("r1", "Ada likes the teas!"), ("r2", "Ada likes tea"), ("r3", "Ada does not like tea")):
        await memories.add(text, trust="agent", source=Source(thread="t1", run=run))
    faint = await memories.add("Ada sneezed", trust="agent", importance=0.01)
    kept = await memories.add("Ada sneezes in May", importance=0.01)
    await app.tidy("ada")
    await app.settled()
    (chore,) = await app.chores("ada")
    assert (chore.status, chore.done, chore.total) == ("done", 2, 2)
    texts = {found.memory.text: found.memory.id for found in await memories.search("Ada tea sneezes")}
    assert set(texts) == {"Ada likes the teas!", "Ada does not like tea", "Ada sneezes in May"}
    assert {source.run for source in await memories.sources(texts["Ada likes the teas!"])} == {"r1", "r2"}
    assert texts["Ada sneezes in May"] == kept.id
    assert len(await memories.history(faint.id)) == 2


@dataclass
class Person:
    """Whom we talk to."""

    diet: Literal["all", "vegan"] = "all"
    languages: list[str] | None = None


async def test_a_profile_has_a_schema_and_a_history(app: App) -> None:
    agent: Agent[Any] = Agent(
        "host",
        model=Scripted([call("update_profile", diet="meat"), call("update_profile", diet="vegan"), "ok", "ok"]),
        memory=Memory(profile=Person, tools=False),
    )
    await app.run(agent, "I am vegan.", thread="t1", user="ada")
    assert "does not fit" in str(agent.model.asked[1])  # pyright: ignore
    memories = app.memories("ada")
    assert await read_profile(memories) == {"diet": "vegan"}
    await app.run(agent, "Hello", user="ada")
    assert 'diet: "vegan"' in asked(agent)[-1]
    await change_profile(memories, Profile(Person), {"diet": "all", "languages": ["de", "it"]}, at=2e9)
    assert await read_profile(memories, as_of=2.1e9) == {"diet": "all", "languages": ["de", "it"]}
    assert [value for _, _, value in await profile_history(memories, "diet")] == ["vegan", "all"]
    await change_profile(memories, Profile(Person), {"diet": None}, at=2.2e9)
    assert await read_profile(memories, as_of=2.3e9) == {"languages": ["de", "it"]}
    assert await read_profile(app.memories("bob"), as_of=2.1e9) == {}
    with pytest.raises(UsageError):
        Profile({"type": "string"})


async def test_notes_are_exact_and_found(app: App) -> None:
    @tool
    async def weigh(ctx: Context[Any], option: str) -> str:
        """Weigh an option."""
        await note(ctx, "critique", {"option": option}, stage="review")
        await note(ctx, "critique", {"option": option, "good": True}, stage="review")
        await note(ctx, "decision", option, name=option)
        return "weighed"

    agent = Agent(
        "judge", model=Scripted([[call("weigh", option="a"), call("weigh", option="b")], "done"]), tools=[weigh]
    )
    result = await app.run(agent, "Weigh.", thread="t1", user="ada")
    found = await app.notes(run=result.run_id, stage="review")
    assert sorted(json.dumps(each.body, sort_keys=True) for each in found) == [
        '{"good": true, "option": "a"}',
        '{"good": true, "option": "b"}',
    ]
    assert {each.agent for each in found} == {"judge"}
    assert sorted(each.body for each in await app.notes(kind="decision", agent="judge", stage="act")) == ["a", "b"]
    assert await app.notes(user="bob") == []


async def test_a_profile_takes_only_fields_and_survives_what_is_none(app: App) -> None:
    memories = app.memories("ada")
    for text, subject in (("Ada likes tea", ""), ("diet: vegan", "profile")):
        with pytest.raises(UsageError, match="change_profile"):
            await memories.add(text, kind="profile", subject=subject, attribute="diet" if subject else "")
    fact = await memories.add("diet: vegan", subject="profile", attribute="diet")
    with pytest.raises(UsageError, match="change_profile"):
        await memories.update(fact.id, kind="profile")
    made = await memories.add('sport: "swims"', kind="profile", subject="profile", attribute="sport")

    def broken(rows: Sequence[MemoryRow]) -> list[MemoryRow]:
        return [replace(rows[0], id="broken", text="what: it", attribute="what", digest=b"b")]

    await app.store.memories.write("default", Shelf(user="ada"), broken, id=made.id)
    assert await read_profile(memories) == {"sport": "swims"}
    standing, _ = await memories.at_hand("")
    assert [over(row) for row in standing] == [False, False]
    await app.run(helper, "Which sport?", thread="t1", user="ada")
    assert 'sport: "swims"' in asked()[-1]
    await memories.forget("broken")
