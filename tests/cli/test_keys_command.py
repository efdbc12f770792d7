"""``weft keys``: what is sealed under what, and new keys."""

import asyncio
import json
from pathlib import Path

import pytest

from weft import App
from weft.cli.main import run

OLD, NEW = "o" * 40, "n" * 40


async def said(store: str) -> list[str]:
    async with App(store=store) as app:
        if not await app.memories("ada").list():
            await app.memories("ada").add("Ada likes green tea")
        return [row.row.text for row in await app.memories("ada").list()]


def test_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    store = f"sqlite:///{tmp_path}/weft.db"
    monkeypatch.delenv("WEFT_MASTER_KEY", raising=False)
    assert run(["keys", "status", "--store", store]) == 2
    assert "not sealed" in capsys.readouterr().err
    monkeypatch.setenv("WEFT_MASTER_KEY", OLD)
    assert run(["keys", "status", "--store", store]) == 0
    assert "No workspace has a key" in capsys.readouterr().out
    asyncio.run(said(store))
    assert run(["keys", "rotate", "--store", store]) == 0
    assert "stays for a minute" in capsys.readouterr().out
    assert run(["keys", "status", "--json", "--store", store]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [key["retired_at"] is None for key in found["keys"] if key["kind"] == "data"] == [False, True]
    assert len(found["resealing"]) == 1
    monkeypatch.setattr("weft.storage.resealing._GRACE", 0.0)
    assert run(["keys", "resume", "--store", store]) == 0
    assert "the old one is gone" in capsys.readouterr().out
    assert run(["keys", "status", "--store", store]) == 0
    assert run(["keys", "rotate-master", "--store", store]) == 2
    monkeypatch.setenv("WEFT_NEW_MASTER_KEY", NEW)
    capsys.readouterr()
    assert run(["keys", "rotate-master", "--store", store]) == 0
    assert "2 data keys" in capsys.readouterr().out
    assert run(["memory", "list", "--user", "ada", "--store", store]) == 2
    assert "another master key" in capsys.readouterr().err
    monkeypatch.setenv("WEFT_MASTER_KEY", NEW)
    assert asyncio.run(said(store)) == ["Ada likes green tea"]
    monkeypatch.delenv("WEFT_MASTER_KEY")
    assert run(["db", "upgrade", "--store", store]) == 2
