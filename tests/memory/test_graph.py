"""Entities and what connects them: read from memories, as of any time, as known at any time, and nobody else's."""

import time
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from weft import Agent, App, Memory
from weft.errors import UsageError
from weft.memory.deciding import denial, fold, place
from weft.memory.graph import Edge, Graph
from weft.memory.library import Library
from weft.memory.longterm import Memories
from weft.models.scripted import Scripted, call
from weft.storage import Store, open_store
from weft.storage.memory_rows import MemoryRow, Source, Trust

DAY = 86_400.0


def of(store: Store, user: str = "ada", **more: Any) -> Memories:
    return Memories(Library(store.memories, store.outside), "default", user, **more)


async def say(memories: Memories, words: str, **fields: Any) -> MemoryRow:
    """``"ada knows bob"``, with the relation in the middle."""
    subject, relation, object = [each.strip() for each in words.split("|")]
    told = f"{subject} {relation} {object}"
    return await memories.add(told, subject=subject, relation=relation, object=object, **fields)


def shown(edges: Sequence[Edge]) -> list[str]:
    return [f"{edge.subject} {edge.relation} {edge.object}" for edge in edges]


async def around(memories: Memories, name: str, **when: Any) -> set[str]:
    return set(shown((await memories.graph(**when)).neighbours(name)))


# What holds when

FACTS: list[dict[str, Any]] = [
    {"text": "Ada works at Acme", "subject": "Ada", "relation": "works at", "object": "Acme", "valid_from": 100.0},
    {"text": "Ada left Acme", "subject": "ada", "relation": "not works at", "object": "acme", "valid_from": 200.0},
    {"text": "Ada is back", "subject": "ada", "relation": "works at", "object": "ACME", "valid_from": 300.0},
    {"text": "Ada lives in Bern", "subject": "ada", "attribute": "home", "object": "Bern", "valid_from": 150.0},
    {"text": "Ada lives in Rome", "subject": "ada", "attribute": "home", "object": "Rome", "valid_from": 250.0},
]
HELD: dict[float, set[str]] = {
    50.0: set(),
    120.0: {"ada works at acme"},
    150.0: {"ada works at acme", "ada home bern"},
    210.0: {"ada home bern"},
    260.0: {"ada home rome"},
    300.0: {"ada home rome", "ada works at acme"},
}


@pytest.mark.blocks
async def test_120_orders_of_late_facts_give_the_same_edges_at_every_instant(store: Store) -> None:
    for order in permutations(range(5)):
        memories = of(store, "user " + "".join(map(str, order)))
        for at in order:
            await memories.add(**FACTS[at])
        assert {at: await around(memories, "Ada", as_of=at) for at in HELD} == HELD, order


async def test_what_was_known_then_can_be_asked(store: Store) -> None:
    memories = of(store)
    await say(memories, "ada|knows|bob", valid_from=100.0)
    before = time.time()
    await say(memories, "ada|not knows|bob", valid_from=50.0)
    await say(memories, "ada|not knows|bob", valid_from=200.0)
    assert await around(memories, "bob", as_of=150.0) == {"ada knows bob"}
    assert await around(memories, "bob", as_of=300.0) == set()
    assert await around(memories, "bob", as_of=300.0, known_at=before) == {"ada knows bob"}
    assert await around(memories, "bob", as_of=300.0, known_at=before - 3_600) == set()


async def test_who_says_it_again_is_one_edge_and_one_line(store: Store) -> None:
    memories = of(store)
    for n in range(3):
        await say(memories, "Ada|knows|Bob", valid_from=100.0 + n, source=Source(thread=f"t{n}", at=1.0))
    (edge,) = (await memories.graph()).neighbours("ada")
    assert (len(edge.memories), edge.since, edge.until) == (3, 100.0, None)
    assert [source.thread for row in edge.memories for source in await memories.sources(row.id)] == ["t2", "t1", "t0"]
    assert len(await memories.search("Does Ada know Bob?")) == 1


async def test_a_tools_word_ends_nobodys(store: Store) -> None:
    memories = of(store)
    await memories.add("Ada lives in Bern", subject="ada", attribute="home", object="bern", valid_from=100.0)
    await say(memories, "ada|knows|bob", valid_from=100.0)
    forged: dict[str, Any] = {"valid_from": 200.0, "trust": "tool"}
    await memories.add("Ada lives in Sin City", subject="ada", attribute="home", object="sin city", **forged)
    await say(memories, "ada|not knows|bob", **forged)
    edges = (await memories.graph()).neighbours("ada")
    assert [(edge.object, edge.trust) for edge in edges] == [
        ("bern", "person"),
        ("bob", "person"),
        ("sin city", "tool"),
    ]
    await memories.add("Ada lives in Rome", subject="ada", attribute="home", object="rome", valid_from=300.0)
    assert await around(memories, "ada") == {"ada home rome", "ada knows bob"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"relation": "knows"},
        {"object": "bob"},
        {"subject": "ada", "object": "bob"},
        {"subject": "ada", "relation": "knows"},
        {"subject": " ", "relation": "knows", "object": "bob"},
        {"subject": "ada", "relation": "knows", "attribute": "friend", "object": "bob"},
    ],
)
async def test_what_is_no_edge_is_refused(wrong: Any) -> None:
    store = await open_store("sqlite://")
    with pytest.raises(UsageError, match="attribute"):
        await of(store).add("x", **wrong)
    await store.close()


def test_a_denial_denies() -> None:
    assert denial(denial("knows")) == "knows"
    assert place(_row("a", 1.0), [_row("b", 2.0, "not knows")])[0].valid_to == 2.0
    assert fold("STRASSE") == fold("straße")


def _row(id: str, at: float, relation: str = "knows", trust: Trust = "person") -> MemoryRow:
    edge = {"subject": "ada", "relation": relation, "object": "bob"}
    return MemoryRow(id=id, text=id, valid_from=at, known_from=1.0, digest=id.encode(), trust=trust, **edge)


# Who is who


async def test_names_are_one_only_where_somebody_said_so(store: Store) -> None:
    memories = of(store)
    await say(memories, "Ada Lovelace|knows|Charles Babbage")
    await say(memories, "Ada|lives in|London")
    graph = await memories.graph()
    assert graph.names("ada") == ("ada",)
    merged = await say(memories, "Ada Lovelace|alias|Ada", valid_from=time.time() + DAY)
    await say(memories, "Ada|alias|The Countess")
    for when in ({}, {"as_of": time.time() + 2 * DAY}):
        graph = await memories.graph(**when)
        assert graph.names("the countess") == ("ada lovelace", "ada", "the countess")
        assert set(shown(graph.neighbours("The  COUNTESS"))) == {
            "ada lovelace knows charles babbage",
            "ada lovelace lives in london",
        }
    assert [(one.name, one.edges) for one in graph.entities()] == [
        ("ada lovelace", 2),
        ("charles babbage", 1),
        ("london", 1),
    ]
    assert [one.name for one in graph.entities(after="ada lovelace", limit=1)] == ["charles babbage"]
    await memories.forget(merged.id)
    assert (await memories.graph()).names("ada") == ("ada", "the countess")
    await say(memories, "Ada|not alias|The Countess")
    assert (await memories.graph()).names("ada") == ("ada",)


async def test_no_document_makes_two_people_one(store: Store) -> None:
    memories = of(store)
    await say(memories, "Mallory|wants|Money", trust="tool")
    await say(memories, "Ada|alias|Mallory", trust="tool")
    assert await around(memories, "ada") == set()
    await say(memories, "Ada|alias|Mallory", trust="agent")
    assert await around(memories, "ada") == {"ada wants money"}


# Around and between


async def test_neighbours_come_nearest_first_and_paths_are_the_shortest(store: Store) -> None:
    memories = of(store)
    for words in ("ada|knows|bob", "bob|works at|acme", "acme|sits in|basel", "ada|knows|eve", "eve|works at|acme"):
        await say(memories, words)
    await say(memories, "basel|lies on|rhine", valid_from=time.time() + DAY)
    graph = await memories.graph()
    near = shown(graph.neighbours("ada", depth=2))
    assert set(near[:2]) == {"ada knows bob", "ada knows eve"}
    assert set(near[2:]) == {"bob works at acme", "eve works at acme"}
    assert len(graph.neighbours("ada", depth=5, limit=3)) == 3
    assert [shown(way) for way in graph.paths("ada", "basel")] == [
        ["ada knows bob", "bob works at acme", "acme sits in basel"],
        ["ada knows eve", "eve works at acme", "acme sits in basel"],
    ]
    assert graph.paths("ada", "basel", most=2) == []
    assert graph.paths("ada", "rhine", most=8) == []
    assert graph.paths("ada", "nobody") == graph.paths("ada", "Ada") == []
    assert len(graph.paths("ada", "basel", limit=1)) == 1


async def test_a_text_names_entities_by_their_whole_names(store: Store) -> None:
    memories = of(store)
    for words in ("Anna|knows|Anna Karenina", "the|is a|word", "C++|is not|C"):
        await say(memories, words)
    graph = await memories.graph()
    assert graph.named("Where is Anna Karenina's house, \u201canna\u201d?") == ["anna karenina", "anna"]
    assert graph.named("The annals of C++!") == ["c++"]


# Whose it is


async def test_each_has_a_graph_of_his_own(store: Store) -> None:
    ada, bob = of(store), of(store, "bob")
    await say(ada, "ada|fears|spiders")
    await say(bob, "bob|fears|snakes")
    await say(ada, "snakes|live in|the garden", of="workspace")
    assert await around(bob, "spiders") == set()
    assert await around(bob, "snakes") == {"bob fears snakes", "snakes live in the garden"}
    assert [one.name for one in (await bob.graph()).entities()] == ["bob", "snakes", "the garden"]


async def test_what_is_erased_connects_no_more(store: Store) -> None:
    memories = of(store)
    kept = await say(memories, "ada|fears|spiders")
    assert await around(memories, "ada")
    await memories.erase(kept.id)
    graph = await memories.graph()
    assert (graph.neighbours("ada"), graph.entities()) == ([], [])


async def test_what_is_only_proposed_connects_nothing(store: Store) -> None:
    memories = of(store, agent="helper")
    await say(memories, "ada|obeys|mallory", kind="proposed", trust="agent")
    assert (await memories.graph()).entities() == []


# In a conversation


async def test_a_question_that_names_somebody_brings_what_is_connected(store_url: str) -> None:
    async with App(store=store_url) as app:
        memories = app.memories("ada")
        await memories.add("My sister is Eva", subject="ada", attribute="sister", object="Eva")
        await memories.add("She is with the Rhine company", subject="eva", relation="works at", object="rhine co")
        await memories.add("They sit in Basel", subject="rhine co", attribute="seat", object="Basel")
        for n in range(30):
            await memories.add(f"A birthday present for somebody: number {n}")
        model = Scripted(["ok"], order="repeat")
        agent = Agent("helper", model=model, memory=Memory(recall=600, most=3))
        await app.run(agent, "A birthday present for Eva?", user="ada")
        told = model.asked[-1].messages[-1].text.splitlines()
        fitting = await memories.search("A birthday present for Eva?", limit=3)
        assert "Basel" not in str(fitting)
        assert any("Rhine company" in line for line in told)
        assert any("Basel" in line for line in told)
        few = Agent("helper", model=model, memory=Memory(recall=30, most=3))
        await app.run(few, "A birthday present for Eva?", user="ada")
        assert "Basel" not in model.asked[-1].messages[-1].text


async def test_an_agent_connects_and_asks(store_url: str) -> None:
    remember = call("remember", fact="Eva knows Bob", subject="Eva", relation="knows", object="Bob")
    wrong = call("remember", fact="Eva knows", subject="Eva", relation="knows")
    agent: Agent[Any] = Agent(
        "helper", model=Scripted([remember, wrong, call("related", name="bob"), "ok"]), memory=Memory()
    )
    async with App(store=store_url) as app:
        await app.run(agent, "Eva knows Bob.", user="ada")
        asked: Any = agent.model
        assert "needs a subject and an object" in str(asked.asked[2].messages[-1])
        assert "eva - knows - bob:" in str(asked.asked[3].messages[-1])
        assert "(agent's word)" in str(asked.asked[3].messages[-1])
        (edge,) = (await app.memories("ada").graph()).neighbours("eva")
        (source,) = await app.memories("ada").sources(edge.memories[0].id)
        assert source.run


def test_a_hub_is_read_quickly() -> None:
    """Ten thousand edges of one entity, and as many entities."""
    from weft.memory.index import Shelved  # noqa: PLC0415
    from weft.storage.memory_rows import Mark, News  # noqa: PLC0415

    rows = [_row(f"m{n}", 1.0) for n in range(10_000)]
    rows = [MemoryRow(**{**_fields(row), "object": f"thing {n}"}) for n, row in enumerate(rows)]
    shelf = Shelved()
    shelf.apply(News(mark=Mark(1), whole=True, rows=list(enumerate(rows, 1))))
    graph = Graph([shelf], 2.0, 2.0)
    began = time.process_time()
    assert len(graph.neighbours("ada", limit=50)) == 50
    assert time.process_time() - began < 1.0
    began = time.process_time()
    assert len(graph.neighbours("thing 77")) == 1
    assert time.process_time() - began < 0.1


def _fields(row: MemoryRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
