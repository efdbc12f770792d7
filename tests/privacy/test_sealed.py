"""Where a master key is set, nothing that people said is in the database's files; and everything works as without."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, Text, cast, select, update

from tests.privacy.doors import Files, all_of, app_of, leave_traces, word
from weft import App
from weft.errors import StoreError, UsageError
from weft.security.keys import master_in
from weft.security.sealing import Sealer
from weft.storage import Store, open_store
from weft.storage.base import Scope
from weft.storage.belonging_rows import Subject
from weft.storage.binding import KEY as COUNTED
from weft.storage.query import Query
from weft.storage.sealed import ALIKE, COLUMNS, SEQ, bound, id_of
from weft.storage.tables import metadata

KEY = "k" * 40
READABLE = ("user", "file")
"""Names stay readable, and files of tools are in no database."""


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Files]:
    monkeypatch.setenv("WEFT_MASTER_KEY", KEY)
    database = tmp_path / "database"
    database.mkdir()
    if request.param == "file":
        return f"sqlite:///{database}/weft.db", Files(database)
    server = request.getfixturevalue("postgres_server")
    return request.getfixturevalue("postgres_url"), Files(server.data / "pg_wal", server=server)


@pytest.fixture
async def app(place: tuple[str, Files], tmp_path: Path) -> AsyncIterator[tuple[App, str]]:
    of = f"s{secrets.token_hex(4)}"
    async with app_of(of, tmp_path, place[0]) as app:
        yield app, of


async def test_nothing_is_readable_in_the_files_and_all_is_there(
    place: tuple[str, Files], app: tuple[App, str]
) -> None:
    store, of = app
    _, files = place
    other = await leave_traces(store, of)
    found = await files.having(all_of(of))
    assert found == {word(of, "user"), word(of, "invited")}
    user = word(of, "user")
    scope = Scope("default", user)
    said = [message.text for _, message in await store.messages(scope, f"{of}-thread", limit=50)]
    assert f"{word(of, 'title')} {word(of, 'said')}" in said
    assert (await store.store.threads.get(scope, f"{of}-thread")).title.startswith(word(of, "title"))
    (memory,) = await store.memories(user).about(word(of, "subject"), "taste")
    assert memory.text == f"Likes {word(of, 'memory')}"
    for _ in range(2):
        await store.memories(user).add(f"Again {word(of, 'memory')}")
    assert len(await store.memories(user).list()) == 2
    assert [note.body for note in await store.notes(run=other)] == [{"text": word(of, "note")}]
    assert [remark.value for remark in await store.remarks(run=other)] == [word(of, "feedback")]


async def sizes(store: Store, database: Any) -> dict[str, set[bytes]]:
    """Under which keys the values of each table are; plain ones under b''."""
    found: dict[str, set[bytes]] = {}
    for table, names in COLUMNS.items():
        for name in names:
            query = Query(select(metadata.tables[table].c[name]))

            def steps(query: Query = query) -> Any:
                return (yield query, {})

            values = [row[0] for row in await database.read(steps) if row[0]]
            if f"{table}.{name}" not in ALIKE:
                found.setdefault(table, set()).update(id_of(value) or b"" for value in values)
    return found


async def test_a_new_key_for_everything_also_for_what_was_plain(
    place: tuple[str, Files], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, files = place
    of = f"r{secrets.token_hex(4)}"
    monkeypatch.delenv("WEFT_MASTER_KEY")
    async with app_of(of, tmp_path, url) as app:
        other = await leave_traces(app, of)
        with pytest.raises(UsageError, match="not sealed"):
            await app.rotate_keys()
    assert len(await files.having(all_of(of))) > 15
    monkeypatch.setenv("WEFT_MASTER_KEY", KEY)
    monkeypatch.setattr("weft.storage.resealing._GRACE", 0.0)
    monkeypatch.setattr("weft.storage.resealing.PAGE", 3)
    told: list[tuple[int, int]] = []
    async with app_of(of, tmp_path, url) as app:
        assert await app.rotate_keys(lambda one: told.append((one.done, one.total)))
        assert told == sorted(told)
        assert len(told) > 10
        await app.store.belongings.scrub(whole=True)
        sealed: Any = app.store
        (first,) = [bytes.fromhex(key.id) for key in await app.keys() if key.kind == "data"]
        inner = sealed._database.inner
        assert {key for keys in (await sizes(app.store, inner)).values() for key in keys} == {first}
        assert await app.rotate_keys()
        (second,) = [bytes.fromhex(key.id) for key in await app.keys() if key.kind == "data"]
        assert second != first
        assert {key for keys in (await sizes(app.store, inner)).values() for key in keys} == {second}
        assert [remark.value for remark in await app.remarks(run=other)] == [word(of, "feedback")]
        scope = Scope("default", word(of, "user"))
        assert len(await app.messages(scope, f"{of}-thread", limit=50)) > 5
        await app.store.belongings.scrub(whole=True)
    if url.startswith("sqlite"):
        assert await files.having(all_of(of)) == {word(of, "user"), word(of, "invited")}


async def test_a_rotation_that_was_cut_off_is_gone_on_with(
    place: tuple[str, Files], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.storage.resealing._GRACE", 0.0)
    monkeypatch.setattr("weft.storage.resealing.PAGE", 2)
    async with app_of("cut", tmp_path, place[0]) as app:
        await leave_traces(app, "cut")
        await app.store.keys.rotate("default")
        for _ in range(5):
            assert await app.store.keys.step("default")
        (going,) = await app.store.keys.going()
        assert 0 < going.done < going.total
    async with app_of("cut", tmp_path, place[0]) as app:
        await app.start()
        for _ in range(200):
            if not await app.store.keys.going():
                break
            await asyncio.sleep(0.05)
        (key,) = [bytes.fromhex(key.id) for key in await app.keys() if key.kind == "data"]
        sealed: Any = app.store
        assert {one for ids in (await sizes(app.store, sealed._database.inner)).values() for one in ids} == {key}


async def test_an_old_key_stays_while_others_may_write_under_it(app: tuple[App, str]) -> None:
    store, of = app
    await leave_traces(store, of)
    assert not await store.rotate_keys()
    assert len([key for key in await store.keys() if key.kind == "data"]) == 2
    (going,) = await store.store.keys.going()
    assert (going.workspace, going.done) == ("default", 0)


async def test_another_process_writes_under_the_new_key_and_reads_both(
    place: tuple[str, Files], app: tuple[App, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = app
    await one.memories("ada").add("Ada likes green tea")
    other = await open_store(place[0], master=Sealer(KEY.encode()))
    try:
        await one.rotate_keys()
        assert [row.row.text for row in await other.memories.list(Scope("default", "ada"))] == ["Ada likes green tea"]
        await one.memories("ada").add("Ada likes cake")
        texts = [row.row.text for row in await other.memories.list(Scope("default", "ada"))]
        assert texts == ["Ada likes cake", "Ada likes green tea"]
        monkeypatch.setattr("weft.storage.keychain.FRESH", 0.0)
        (key,) = [key for key in await one.keys() if key.kind == "data" and key.retired_at is None]
        other_database: Any = other
        other_database._database._fresh = 0.0
        await other.blobs.put(Scope("default", "ada"), b"bytes", "text/plain")
        assert other_database._database.keys.key_of("default").id.hex() == key.id
    finally:
        await other.close()


async def test_another_master_key(place: tuple[str, Files], monkeypatch: pytest.MonkeyPatch) -> None:
    url, _ = place
    new = Sealer(b"n" * 40)
    async with App(store=url) as app:
        await app.memories("ada").add("Ada likes green tea")
        assert await app.change_master(new) == 2
        assert [row.row.text for row in await app.memories("ada").list()] == ["Ada likes green tea"]
    with pytest.raises(UsageError, match="another master key"):
        await App(store=url).open()
    monkeypatch.delenv("WEFT_MASTER_KEY")
    with pytest.raises(UsageError, match="this store is sealed: set WEFT_MASTER_KEY"):
        await App(store=url).open()
    monkeypatch.setenv("WEFT_MASTER_KEY_COMMAND", "printf " + "n" * 40)
    async with App(store=url) as app:
        assert [row.row.text for row in await app.memories("ada").list()] == ["Ada likes green tea"]


async def test_a_damaged_or_moved_value_is_told(app: tuple[App, str]) -> None:
    store, _ = app
    await store.memories("ada").add("Ada likes green tea", subject="ada")
    sealed: Any = store.store
    m = metadata.tables["memories"].c

    def steps() -> Any:
        yield Query(update(metadata.tables["memories"]).values(text=cast(m.subject, Text))), {}

    await sealed._database.inner.write(steps)
    with pytest.raises(StoreError, match=r"memories\.text is damaged"):
        await store.store.memories.list(Scope("default", "ada"))


async def test_a_value_of_another_row_is_told(app: tuple[App, str]) -> None:
    store, _ = app
    ada = store.memories("ada")
    first, second = await ada.add("Ada likes green tea"), await ada.add("Ada likes cake")
    await store.rotate_keys()
    assert [row.row.text for row in await ada.list()] == ["Ada likes cake", "Ada likes green tea"]
    m = metadata.tables["memories"].c
    other = select(m.text).where(m.id == first.id).scalar_subquery()
    sealed: Any = store.store

    def steps() -> Any:
        yield Query(update(metadata.tables["memories"]).where(m.id == second.id).values(text=cast(other, Text))), {}

    await sealed._database.inner.write(steps)
    assert (await ada.get(first.id)).text == "Ada likes green tea"
    with pytest.raises(StoreError, match=r"memories\.text is damaged, or does not belong there"):
        await ada.get(second.id)


@pytest.mark.parametrize("table", [name for name in COLUMNS if bound(f"{name}.{COLUMNS[name][0]}")])
def test_each_row_of_a_table_is_told_from_the_others_by_what_its_values_are_bound_to(table: str) -> None:
    names = [COUNTED if name == SEQ else name for name in bound(f"{table}.{COLUMNS[table][0]}")]
    columns = metadata.tables[table].c
    assert all(not columns[name].nullable for name in names)
    assert not set(names) & set(COLUMNS[table])


async def test_messages_that_changed_places_are_told(app: tuple[App, str]) -> None:
    store, of = app
    await leave_traces(store, of)
    scope, t = Scope("default", word(of, "user")), metadata.tables["messages"]
    assert await store.messages(scope, f"{of}-thread", limit=50)
    of_first = select(t.c.body).order_by(t.c.key).limit(1).scalar_subquery()
    sealed: Any = store.store

    def steps() -> Any:
        yield Query(update(t).values(body=cast(of_first, LargeBinary))), {}

    await sealed._database.inner.write(steps)
    with pytest.raises(StoreError, match=r"messages\.body is damaged, or does not belong there"):
        await store.messages(scope, f"{of}-thread", limit=50)


async def test_a_value_of_another_workspace_is_not_opened(place: tuple[str, Files], app: tuple[App, str]) -> None:
    here, _ = app
    await here.memories("ada").add("Ada likes green tea")
    async with App(store=place[0], workspace="other") as other:
        await other.memories("eve").add("Eve is curious")
        m = metadata.tables["memories"].c
        stolen = select(m.text).order_by(m.n).limit(1).scalar_subquery()
        sealed: Any = other.store

        def steps() -> Any:
            yield Query(update(metadata.tables["memories"]).values(text=cast(stolen, Text))), {}

        await sealed._database.inner.write(steps)
        with pytest.raises(StoreError, match="another workspace's"):
            await other.store.memories.list(Scope("other", "eve"))
    assert [row.row.text for row in await here.memories("ada").list()] == ["Ada likes green tea"]


async def test_an_erased_workspace_has_no_key_from_the_first_moment(app: tuple[App, str]) -> None:
    store, of = app
    await leave_traces(store, of)
    await store.store.belongings.begin(Subject("default"))
    assert await store.keys() == []
    assert (await store.erase_workspace()).threads == 4
    await store.memories("ada").add("Ada is new here")
    assert [row.row.text for row in await store.memories("ada").list()] == ["Ada is new here"]


def test_where_the_master_key_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    sealed = Sealer(KEY.encode()).sealed("a", b"b")
    for environment in (
        {"WEFT_MASTER_KEY": KEY},
        {"WEFT_MASTER_KEY_FILE": str(file)},
        {"WEFT_MASTER_KEY_COMMAND": f"cat {file}"},
    ):
        master = master_in(environment)
        assert master is not None
        assert master.opened("a", sealed) == b"b"
    file.chmod(0o644)
    for environment, said in (
        ({"WEFT_MASTER_KEY": "short"}, "at least 32"),
        ({"WEFT_MASTER_KEY": KEY, "WEFT_MASTER_KEY_FILE": "x"}, "both set"),
        ({"WEFT_MASTER_KEY_FILE": str(file)}, "others may read"),
        ({"WEFT_MASTER_KEY_FILE": str(tmp_path / "none")}, "no master key"),
        ({"WEFT_MASTER_KEY_COMMAND": "cat /no/such/file"}, "failed"),
        ({"WEFT_MASTER_KEY_COMMAND": "no-such-program"}, "failed"),
    ):
        with pytest.raises(UsageError, match=said):
            master_in(environment)
