"""All that is of a user, a thread or a workspace can be erased, and then no byte of it is left in any file."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.privacy.doors import Files, all_of, app_of, leave_traces, word
from tests.warm import python
from weft import Agent, App, tool
from weft.errors import Conflict, NotFound
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope
from weft.storage.belonging_rows import Subject
from weft.storage.belongings import TABLES, is_of


class Place:
    """A store, what is beside it, and where to look."""

    def __init__(self, folder: Path, url: str, files: Files) -> None:
        self.folder, self.url, self.files = folder, url, files
        self.ada, self.bob = f"a{secrets.token_hex(4)}", f"b{secrets.token_hex(4)}"


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "file":
        return Place(tmp_path, f"sqlite:///{tmp_path}/weft.db", Files(tmp_path))
    server = request.getfixturevalue("postgres_server")
    return Place(tmp_path, request.getfixturevalue("postgres_url"), Files(tmp_path, server=server))


@pytest.fixture
async def two_apps(place: Place) -> AsyncIterator[tuple[App, App]]:
    async with app_of(place.ada, place.folder, place.url) as ada, app_of(place.bob, place.folder, place.url) as bob:
        yield ada, bob


@pytest.fixture
async def people(place: Place, two_apps: tuple[App, App]) -> tuple[App, App]:
    """Two people who have left traces everywhere."""
    ada, bob = two_apps
    other = await leave_traces(bob, place.bob)
    await leave_traces(ada, place.ada, other)
    assert await place.files.having(all_of(place.ada)) == all_of(place.ada)
    assert await place.files.having(all_of(place.bob)) == all_of(place.bob, "elsewhere")
    return ada, bob


async def test_no_byte_of_a_user_is_left_and_every_byte_of_others(place: Place, people: tuple[App, App]) -> None:
    ada, _ = people
    user = word(place.ada, "user")
    erased = await ada.erase_user(user, files=[place.folder / "files"])
    assert (erased.found, erased.threads) == (True, 4)
    await ada.scrub()
    assert await place.files.having(all_of(place.ada)) == set()
    assert await place.files.having(all_of(place.bob)) == all_of(place.bob, "elsewhere")
    proof = await ada.verify_audit()
    assert (proof.ok, proof.erased > 0) == (True, True)
    assert {row.user_id[:7] for row in await ada.audit()} == {"erased-", word(place.bob, "user")[:7], "local"}
    assert sum(row.calls for row in await ada.costs("user")) > 0
    with pytest.raises(NotFound):
        await ada.store.threads.get(Scope("default", user), f"{place.ada}-thread")
    assert await ada.erase_user(user) == type(erased)(0, False)
    assert (await ada.run("cached", "again", user=user)).output == word(place.ada, "cached")


async def test_a_thread_is_erased_alone(place: Place, people: tuple[App, App]) -> None:
    ada, _ = people
    files = [place.folder / "files"]
    erased = await ada.erase_thread(f"{place.ada}-thread", user=word(place.ada, "user"), files=files)
    assert erased.threads == 1
    await ada.scrub()
    elsewhere = {word(place.ada, door) for door in ("user", "state", "appended", "loose", "memory", "subject")}
    elsewhere |= {word(place.ada, door) for door in ("elsewhere", "cached", "command", "trail", "document")}
    elsewhere |= {word(place.ada, door) for door in ("invited", "item")}
    assert await place.files.having(all_of(place.ada)) == elsewhere
    assert not (await ada.erase_thread(f"{place.ada}-thread", files=files)).found


async def test_a_workspace_is_erased_whole(place: Place, people: tuple[App, App]) -> None:
    ada, _ = people
    other = App(store=place.url, workspace="elsewhere")
    async with other:
        await other.memories("eve").add(f"{place.ada}elsewherequz")
        assert (await ada.erase_workspace(files=[place.folder / "files"])).threads == 8
        await ada.scrub()
        assert await place.files.having(all_of(place.ada) | all_of(place.bob)) == set()
        assert [row.row.text for row in await other.memories("eve").list()] == [f"{place.ada}elsewherequz"]
    assert await ada.audit() == []
    assert (await ada.verify_audit()).head.n == 0
    assert await ada.costs() == []
    assert not (await ada.erase_workspace()).found
    assert await ada.store.belongings.pending() == []


async def test_nothing_changes_while_a_run_is_running(place: Place) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    @tool(effect="read")
    async def wait() -> str:
        """Wait."""
        begun.set()
        await go.wait()
        return "waited"

    slow: Agent[Any] = Agent("slow", model=Scripted([call("wait"), "done"], order="repeat"), tools=[wait])
    async with App(agents=[slow], store=place.url) as app:
        running = asyncio.create_task(app.run("slow", "secret words", thread="t", user="ada"))
        await begun.wait()
        for erase in (app.erase_user("ada"), app.erase_thread("t"), app.erase_workspace()):
            with pytest.raises(Conflict, match="running"):
                await erase
        assert await app.store.belongings.pending() == []
        go.set()
        assert (await running).output == "done"
        assert len(await app.messages(Scope("default", "ada"), "t")) == 4
        assert (await app.erase_user("ada")).threads == 1


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("when", ["begun", "thread", "files", "rows"])
async def test_another_process_goes_on_after_a_kill(place: Place, people: tuple[App, App], when: str) -> None:
    """Killed when the name was gone, after the first thread, before folders were swept, and when all rows were gone."""
    ada, _ = people
    user, files = word(place.ada, "user"), place.folder / "files"
    child = python("-m", "tests.privacy.child", place.url, user, str(files), when)
    process = await asyncio.create_subprocess_exec(*child)
    assert await process.wait() == -signal.SIGKILL
    (left,) = await ada.store.belongings.pending()
    assert left.of == "user"
    assert left.threads == {"begun": 4, "thread": 3, "files": 0, "rows": 0}[when]
    with pytest.raises(NotFound):
        await ada.store.threads.get(Scope("default", user), f"{place.ada}-thread")
    assert (await ada.erase_user(user, files=[files])).found
    await ada.scrub()
    assert await place.files.having(all_of(place.ada)) == set()
    assert (await ada.verify_audit()).ok
    assert await ada.store.belongings.pending() == []


async def test_a_started_app_goes_on_too(place: Place) -> None:
    async with app_of(place.ada, place.folder, place.url) as app:
        await leave_traces(app, place.ada)
        await app.store.belongings.begin(Subject("default", "user", word(place.ada, "user")))
    async with app_of(place.ada, place.folder, place.url) as app:
        await app.start()
        for _ in range(200):
            if not await app.store.belongings.pending():
                break
            await asyncio.sleep(0.05)
        await app.scrub()
        assert await place.files.having(all_of(place.ada, "file")) == set()


def test_every_table_says_whose_its_rows_are() -> None:
    for table in TABLES:
        for of in ("user", "thread", "workspace"):
            is_of(of, table)
    names = [table.name for table in TABLES]
    assert names.index("memories") < names.index("shelves") < names.index("threads") < names.index("owners")


async def test_an_erasure_locks_no_table(postgres_url: str) -> None:
    """Somebody who reads is neither stopped nor waited for; only who runs the server has tables written anew."""
    import asyncpg  # noqa: PLC0415  # the one test that looks at locks

    agent: Agent[Any] = Agent("one", model=Scripted(["yes"], order="repeat"))
    address, _, schema = postgres_url.partition("?schema=")
    async with App(agents=[agent], store=postgres_url) as app:
        await app.run(agent, "hello", thread="t", user="ada")
        reader = await asyncpg.connect(address)
        try:
            async with reader.transaction():
                await reader.fetch(f'SELECT count(*) FROM "{schema}".messages')
                async with asyncio.timeout(30):
                    assert (await app.erase_user("ada")).found
        finally:
            await reader.close()
        await app.scrub()
