"""What is on record of somebody comes out whole, readable, and with nothing of others."""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.privacy.doors import all_of, app_of, leave_traces, word
from weft import App
from weft.errors import NotFound, UsageError

ADA, BOB = "adax", "bobx"


class Opened:
    """An archive, read."""

    def __init__(self, body: bytes) -> None:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            assert archive.testzip() is None
            self.files = {name: archive.read(name) for name in archive.namelist()}

    def rows(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files[f"{kind}.jsonl"].splitlines()]

    def having(self, words: set[str]) -> set[str]:
        return {one for one in words if any(one.encode() in body for body in self.files.values())}


async def exported(app: App, folder: Path, **whose: Any) -> Opened:
    to = BytesIO()
    await app.export(to, files=[folder / "files"], **whose)
    return Opened(to.getvalue())


async def test_all_of_a_user_and_nothing_of_others(shared_url: str, tmp_path: Path) -> None:
    async with app_of(BOB, tmp_path, shared_url) as bob, app_of(ADA, tmp_path, shared_url) as ada:
        await leave_traces(ada, ADA, await leave_traces(bob, BOB))
        found = await exported(ada, tmp_path, user=word(ADA, "user"))
        assert found.having(all_of(BOB)) == set()
        assert found.having(all_of(ADA)) == all_of(ADA)
        messages = found.rows("messages")
        said = [row["body"]["parts"][0]["text"] for row in messages if row["body"]["role"] == "user"]
        assert f"{word(ADA, 'title')} {word(ADA, 'said')}" in said
        assert {row["thread"] for row in messages} == {f"{ADA}-thread", f"{ADA}-cached"}
        events = found.rows("events")
        assert {row["owner"] for row in events} == {word(ADA, "user")}
        assert events[0]["event"]["type"] == "run.started"
        (memory,) = found.rows("memories")
        assert memory["text"] == f"Likes {word(ADA, 'memory')}"
        bodies = {found.files[f"blobs/{row['sha256']}"] for row in found.rows("blobs")}
        assert bodies >= {word(ADA, door).encode() for door in ("blob", "loose")}
        assert json.loads(found.files["counts.json"])["threads"] == 4
        assert all("base64" not in line for line in map(str, found.rows("checkpoints")))


async def test_of_a_thread_and_of_the_workspace(tmp_path: Path) -> None:
    async with app_of(ADA, tmp_path, f"sqlite:///{tmp_path}/weft.db") as ada:
        await leave_traces(ada, ADA)
        thread = await exported(ada, tmp_path, thread=f"{ADA}-thread")
        missing = {"state", "appended", "loose", "memory", "subject", "elsewhere", "cached", "command", "trail"}
        missing |= {"document", "invited", "item"}
        assert thread.having(all_of(ADA)) == all_of(ADA, *missing)
        whole = await exported(ada, tmp_path)
        assert whole.having(all_of(ADA)) == all_of(ADA, "elsewhere")
        with pytest.raises(NotFound):
            await exported(ada, tmp_path, thread=f"{ADA}-thread", user="eve")
        with pytest.raises(NotFound):
            await ada.export(tmp_path / "none.zip", user="nobody")
        with pytest.raises(UsageError, match="cannot be written"):
            await ada.export(tmp_path / "no" / "folder.zip", user=word(ADA, "user"))
        assert not list(tmp_path.glob("*none.zip*"))
