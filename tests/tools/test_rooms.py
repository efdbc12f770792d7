"""What tools keep beside the store goes with its thread: folders, and results that were too long."""

import json
from pathlib import Path
from typing import Any

import pytest

from weft import Agent, App, tool
from weft.errors import NotFound
from weft.messages import Media, Text
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope
from weft.tools import rooms
from weft.tools.builtin.workbench import Workbench
from weft.tools.paging import LONGEST

SCOPE = Scope("default", "local")


def desk(folder: Path, *lines: Any) -> App:
    bench = Workbench(folder / "files", parts=("files",))
    model = Scripted([*lines] or [call("write_file", path="a.txt", content="mine"), "done"], order="repeat")
    return App(agents=[Agent("a", model=model, tools=[bench, long])], store=f"sqlite:///{folder}/weft.db")


@tool(effect="read")
def long() -> str:
    """A lot."""
    return "x" * (LONGEST + 1)


def folders(folder: Path) -> list[str]:
    return sorted(path.name.rpartition("-")[0] for path in (folder / "files").iterdir() if path.name != rooms.NOTES)


async def test_a_folder_goes_with_its_thread_and_no_other(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        for thread in ("one", "two"):
            await app.run("a", "go", thread=thread)
        assert folders(tmp_path) == ["one", "two"]
        assert (Workbench(tmp_path / "files").folder("default", "one") / "a.txt").read_text() == "mine"
        await app.delete("one")
        assert folders(tmp_path) == ["two"]
        assert [path.name.rpartition("-")[0] for path in (tmp_path / "files" / rooms.NOTES).iterdir()] == ["two"]


async def test_what_a_process_left_that_died_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path) as app:
        for thread in ("one", "two"):
            await app.run("a", "go", thread=thread)
        await app.store.threads.delete(SCOPE, "one")  # by a process that knows of no folders, or died before it swept
        assert folders(tmp_path) == ["one", "two"]
        await app.start()
        for _ in range(200):
            if folders(tmp_path) == ["two"]:
                break
            await app.store.threads.get(SCOPE, "two")
        assert folders(tmp_path) == ["two"]


async def test_a_folder_of_another_store_is_left_alone(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        await app.run("a", "go", thread="one")
        async with App(store=f"sqlite:///{tmp_path}/other.db") as other:
            assert await rooms.sweep(other.store) == 0
        (note,) = (tmp_path / "files" / rooms.NOTES).iterdir()
        told = json.loads(note.read_bytes())
        note.write_text(json.dumps({**told, "thread": "../../two"}))  # a note that names what it does not stand for
        assert await rooms.sweep(app.store) == 0
        assert folders(tmp_path) == ["one"]


async def test_results_that_were_too_long_go_too(tmp_path: Path) -> None:
    async with desk(tmp_path, call("long"), "done") as app:
        await app.run("a", "go", thread="one")
        result = (await app.store.threads.messages(SCOPE, "one"))[2]
        sha = result.body.decode().partition('read_result(id=\\"')[2][:64]
        assert len((await app.store.blobs.get(SCOPE, sha))[0]) == LONGEST + 1
        await app.delete("one")
        with pytest.raises(NotFound):
            await app.store.blobs.get(SCOPE, sha)


async def test_a_fork_and_whoever_is_shown_it_keep_it(tmp_path: Path) -> None:
    async with desk(tmp_path, call("long"), "done") as app:
        await app.run("a", "go", thread="one")
        (row,) = [row for row in await app.store.threads.messages(SCOPE, "one") if b"read_result" in row.body]
        sha = row.body.decode().partition('read_result(id=\\"')[2][:64]
        await app.fork("one", into="fork")
        await app.run("a", [Text("see"), Media(mime="text/plain", blob=sha)], thread="shown")
        await app.delete("one")
        assert await app.store.blobs.get(SCOPE, sha)
        await app.delete("fork")
        assert await app.store.blobs.get(SCOPE, sha)
        await app.delete("shown")
        with pytest.raises(NotFound):
            await app.store.blobs.get(SCOPE, sha)
