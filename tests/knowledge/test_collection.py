"""Collections: what is read again and what is not, who finds what, and how it is found."""

import asyncio
import zipfile
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.documents import made
from weft import App, Knowledge, Policy
from weft.documents import reading
from weft.errors import AccessDenied, NotFound, Unreadable, UsageError
from weft.knowledge import librarian
from weft.knowledge.base import Progress
from weft.knowledge.collection import Collection
from weft.memory.index import unit
from weft.models.ports import Rank, Vectors
from weft.vectors.exact import Exact


class Letters:
    """Makes vectors of how often a few words are there: 'car' and 'automobile' mean the same to it."""

    name = "letters"
    words = (("car", "automobile"), ("tea", "drink"), ("bird",), ("zzz",))

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str], **settings: Any) -> Vectors:
        self.asked += texts
        made = [tuple([0.01 + sum(text.lower().count(w) for w in group) for group in self.words]) for text in texts]
        return Vectors(vectors=tuple(made))


class Backwards:
    """Ranks the last first."""

    name = "backwards"

    async def rank(self, query: str, documents: Sequence[str], *, top: int | None = None) -> Sequence[Rank]:
        return [Rank(at, float(at)) for at in reversed(range(len(documents)))][:top]


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with App(store=store_url) as opened:
        yield opened


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was really read."""
    names: list[str] = []

    async def read(body: bytes, **options: Any) -> Any:
        names.append(options["name"])
        return await reading.read(body, **options)

    monkeypatch.setattr(librarian, "read", read)
    return names


async def followed(shelf: Collection, folder: Path, **options: Any) -> list[Progress]:
    return [each async for each in shelf.index_folder(folder, **options)]


def names(found: Sequence[Any]) -> list[str]:
    return [each.document.name for each in found]


async def test_documents_of_each_kind_are_found_with_page_and_offset(app: App) -> None:
    shelf = app.knowledge("office")
    for name, body in (
        *(("a.pdf", made.pdf()), ("a.docx", made.word()), ("a.xlsx", made.sheets()), ("a.pptx", made.slides())),
        *(("a.html", b"<h1>Ferns</h1><p>They are green."), ("a.csv", b"plant,height\nmoss,1\n"), ("a.md", b"# Oak")),
        *(("a.json", b'{"willow": 3}'), ("a.txt", b"An elm."), ("a.vtt", VTT)),
    ):
        row = await shelf.add(body, name=name)
        assert row.status == "ready", row
        assert row.kind, row
    for query, name, page in (
        *(("chapter 2", "a.pdf", 2), ("second page", "a.docx", 2), ("sales month", "a.xlsx", 1)),
        *(("loose words", "a.pptx", 2), ("ferns", "a.html", None), ("moss", "a.csv", None), ("oak", "a.md", None)),
        *(("willow", "a.json", None), ("elm", "a.txt", None), ("kettle", "a.vtt", None)),
    ):
        found = (await shelf.search(query))[0]
        assert (found.document.name, found.page) == (name, page), query
        assert found.citation == (name if page is None else f"{name}, page {page}")
        around = await shelf.around(found.document.id, found.offset)
        start = found.offset - around.offset
        assert around.text[start : start + len(found.text)] == found.text


VTT = b"WEBVTT\n\n1\n00:01.000 --> 00:02.000\n<v Ada>Put the kettle on.\n\n01:05.000 --> 01:06.000\nBob: Yes.\n"


async def test_only_what_changed_is_read_and_embedded_again(app: App, tmp_path: Path, reads: list[str]) -> None:
    embedder = Letters()
    shelf = app.knowledge(Knowledge("garden", embedder=embedder))
    folder = tmp_path / "garden"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").write_text("secret")
    (folder / "picture.png").write_bytes(b"\x89PNG\0\0")
    (folder / "deep" / "birds.md").write_text("# Birds\n\nA bird sings.")
    words = "It grows. " * 150
    (folder / "tea.md").write_text(f"# Tea\n\n{words}\n\n# Coffee\n\n{words}")
    last = (await followed(shelf, folder))[-1]
    assert (last.done, last.total, last.failed) == (2, 2, 0)
    assert reads == ["birds.md", "tea.md"] or reads == ["tea.md", "birds.md"]
    assert len(embedder.asked) == 3
    reads.clear()
    embedder.asked.clear()
    last = (await followed(shelf, folder))[-1]
    assert (last.unchanged, reads, embedder.asked) == (2, [], [])
    before = {row.name: row.id for row in await shelf.documents()}
    (folder / "tea.md").write_text(f"# Tea\n\n{words}\n\n# Cocoa\n\n{words}")
    await followed(shelf, folder)
    assert reads == ["tea.md"]
    (again,) = embedder.asked
    assert again.startswith("Cocoa\n# Cocoa")
    assert {row.name: row.id for row in await shelf.documents()} == before
    assert not [one for one in await shelf.search("coffee") if "Coffee" in one.text]
    (folder / "deep" / "birds.md").unlink()
    assert (await followed(shelf, folder))[-1].removed == 0
    assert (await followed(shelf, folder, prune=True))[-1].removed == 1
    assert [row.name for row in await shelf.documents()] == ["garden/tea.md"]


async def test_another_recipe_makes_all_anew(store_url: str, tmp_path: Path) -> None:
    url = store_url if store_url != "sqlite://" else f"sqlite:///{tmp_path}/weft.db"
    async with App(store=url) as app:
        row = await app.knowledge(Knowledge("tea", size=50)).add(text="Tea is green. " * 60, name="t")
        assert row.pieces > 2
    async with App(store=url) as app:
        undeclared = await app.knowledge("tea").add(text="Tea is green. " * 60, name="t")
        assert undeclared.pieces == row.pieces
        fewer = await app.knowledge(Knowledge("tea", size=400)).add(text="Tea is green. " * 60, name="t")
        assert fewer.pieces < row.pieces
        with pytest.raises(UsageError, match="two ways"):
            app.knowledge(Knowledge("tea", size=80))


async def test_each_finds_only_what_he_may_read(app: App) -> None:
    ada, bob, everybody = (app.knowledge("vault", user) for user in ("ada", "bob", None))
    await ada.add(text="The code of the safe is 1", name="ada")
    await bob.add(text="The code of the safe is 2", name="bob", readers=["role:guard"])
    await everybody.add(text="The safe has a code", name="house")
    assert set(names(await ada.search("code of the safe"))) == {"ada", "house"}
    assert set(names(await bob.search("code of the safe"))) == {"bob", "house"}
    assert set(names(await everybody.search("code of the safe"))) == {"ada", "bob", "house"}
    guard = app.knowledge("vault", "eve", roles=["guard"])
    assert set(names(await guard.search("code of the safe"))) == {"bob", "house"}
    assert names(await app.knowledge("vault", "eve").search("code of the safe")) == ["house"]
    assert names(await app.knowledge("vault", "max").search("safe")) == ["house"]
    await app.set_policy(Policy(people={"max": ("guard",)}))
    assert set(names(await app.knowledge("vault", "max").search("safe"))) == {"bob", "house"}
    assert [each.documents for each in await app.collections("max")] == [2]
    (row,) = [row for row in await ada.documents() if row.name == "ada"]
    await ada.add(text="The code of the safe is 1", name="ada", readers="workspace")
    assert set(names(await bob.search("code of the safe"))) == {"ada", "bob", "house"}
    await ada.add(text="The code of the safe is 1", name="ada", readers=["eve"])
    assert set(names(await bob.search("code of the safe"))) == {"bob", "house"}
    with pytest.raises(NotFound):
        await bob.around(row.id, 0)
    with pytest.raises(NotFound):
        await app.knowledge("vault", "eve").remove(row.id)  # she may read it, and no more
    assert [each.documents for each in await app.collections("ada")] == [2]


async def test_metadata_say_where_to_look(app: App) -> None:
    shelf = app.knowledge("reports")
    for year in (2022, 2023, 2024):
        await shelf.add(text=f"The report of {year}", name=f"{year}.md", metadata={"year": year, "tags": ["a", "b"]})

    async def seen(where: dict[str, Any]) -> set[str]:
        return set(names(await shelf.search("report", where=where)))

    assert await seen({"year": 2024}) == {"2024.md"}
    assert await seen({"year": [2022, 2023], "tags": "a"}) == {"2022.md", "2023.md"}
    assert await seen({"year": {"gte": 2023}}) == {"2023.md", "2024.md"}
    assert await seen({"document": "2022.md"}) == {"2022.md"}
    assert await seen({"nothing": 1}) == set()
    await shelf.add(text="The report of 2024", name="2024.md", metadata={"year": 1})
    assert await seen({"year": 2024}) == set()
    with pytest.raises(UsageError, match="limit"):
        await seen({"year": {"about": 1}})
    for wrong in ({"a": {"b": 1}}, {"document": "x"}, {"a": [[1]]}):
        with pytest.raises(UsageError):
            await shelf.add(text="x", name="x", metadata=wrong)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_meaning_finds_what_words_do_not(app: App, elsewhere: bool) -> None:
    index = Exact() if elsewhere else None
    shelf = app.knowledge(Knowledge("things", embedder=Letters(), index=index))
    await shelf.add(text="The automobile stands outside.", name="a")
    await shelf.add(text="The bird sings.", name="b")
    await shelf.add(text="Tea is hot.", name="c")
    assert names(await shelf.search("car", limit=1)) == ["a"]
    assert names(await shelf.search("car bird sings", limit=2)) == ["b", "a"]
    await shelf.add(text="zzz", name="a")
    assert (await shelf.search("car", limit=1))[0].document.name != "a" or not elsewhere
    private = app.knowledge("things", "eve")
    await app.knowledge("things", "ada").add(text="My car is red", name="red")
    assert "red" not in names(await private.search("car"))
    (row,) = [row for row in await shelf.documents() if row.name == "b"]
    await shelf.remove(row.id)
    assert "b" not in names(await shelf.search("bird"))
    if index is not None:
        assert await index.count("knowledge/default/things") == 3


async def test_an_index_that_lost_all_is_made_anew(store_url: str, tmp_path: Path) -> None:
    url = store_url if store_url != "sqlite://" else f"sqlite:///{tmp_path}/weft.db"
    async with App(store=url) as app:
        shelf = app.knowledge(Knowledge("things", embedder=Letters(), index=Exact()))
        await shelf.add(text="The automobile stands outside.", name="a")
    async with App(store=url) as app:
        empty = Exact()
        shelf = app.knowledge(Knowledge("things", embedder=Letters(), index=empty))
        assert names(await shelf.search("car")) == ["a"]
        assert await empty.count("knowledge/default/things") == 1


@pytest.mark.parametrize("wrong", ["more", "fewer"])
async def test_what_a_killed_process_left_in_an_index_is_put_right(store_url: str, tmp_path: Path, wrong: str) -> None:
    url = store_url if store_url != "sqlite://" else f"sqlite:///{tmp_path}/weft.db"
    space, index = "knowledge/default/things", Stays()
    car = unit((await Letters().embed(["car"])).vectors[0])
    async with App(store=url) as app:
        shelf = app.knowledge(Knowledge("things", embedder=Letters(), index=index))
        for name, text in (("a", "The automobile stands outside."), ("b", "The bird sings.")):
            await shelf.add(text=text, name=name)
    if wrong == "more":
        await index.put(space, [("777", car)])
    else:
        await index.remove(space, [id for id, _ in await index.search(space, car, 1)])
    async with App(store=url) as app:
        shelf = app.knowledge(Knowledge("things", embedder=Letters(), index=index))
        assert names(await shelf.search("car", limit=1)) == ["a"]
        assert await index.count(space) == 2


class Stays(Exact):
    """What is in it outlives an app."""

    async def close(self) -> None:
        """Nothing is let go."""


async def test_a_ranker_has_the_last_word(app: App) -> None:
    plain = app.knowledge("tea")
    for name in "abc":
        await plain.add(text="tea " * (3 if name == "a" else 1) + name, name=name)
    first = names(await plain.search("tea", limit=3))
    ranked = app.knowledge(Knowledge("tea", rerank=Backwards()))
    assert names(await ranked.search("tea", limit=3)) == list(reversed(first))
    assert names(await ranked.search("tea", limit=1)) == first[-1:]


async def test_what_cannot_be_read_says_why(app: App, tmp_path: Path) -> None:
    shelf = app.knowledge("broken")
    with pytest.raises(Unreadable, match="broken"):
        await shelf.add(b"%PDF-1.7 nonsense", name="a.pdf")
    (row,) = await shelf.documents()
    assert (row.status, row.error is not None) == ("failed", True)
    body = BytesIO()
    with zipfile.ZipFile(body, "w") as packed:
        packed.writestr("x", "y")
    (tmp_path / "b.zip").write_bytes(body.getvalue())
    last = (await followed(shelf, tmp_path))[-1]
    assert (last.done, last.failed) == (last.total, 1)
    for wrong in ({"source": "no/such.pdf"}, {"source": b"x"}, {}, {"source": "a", "text": "b"}):
        with pytest.raises(UsageError):
            await shelf.add(**wrong)
    with pytest.raises(UsageError, match="no folder"):
        await followed(shelf, tmp_path / "none")
    with pytest.raises(AccessDenied):
        await shelf.add("http://127.0.0.1:9/x")


async def test_searching_while_others_write(app: App) -> None:
    shelf = app.knowledge(Knowledge("busy", size=20))

    async def write(at: int) -> None:
        for turn in range(4):
            row = await shelf.add(text=f"tea number {at} {turn}. " * 20, name=f"d{at}")
            if turn == 2:
                await shelf.remove(row.id)

    async def look() -> None:
        for _ in range(20):
            for found in await shelf.search("tea", limit=5):
                assert found.text
            await asyncio.sleep(0.002)

    await asyncio.gather(*[write(at) for at in range(4)], look(), look())
    found = await shelf.search("tea number 3", limit=200)
    assert {each.document.name for each in found} == {f"d{at}" for at in range(4)}
    assert all(" 3. " in each.text for each in found)


async def test_embedders_of_others_are_taken(app: App) -> None:
    from langchain_core.embeddings import DeterministicFakeEmbedding  # noqa: PLC0415  # heavy

    knowledge = Knowledge("fake", embedder=DeterministicFakeEmbedding(size=16))
    assert knowledge.embedding() is knowledge.embedding()
    shelf = app.knowledge(knowledge)
    row = await shelf.add(text="A red door.", name="door")
    assert (row.pieces, row.embedded, row.status) == (1, 1, "ready")
    assert names(await shelf.search("A red door.")) == ["door"]
