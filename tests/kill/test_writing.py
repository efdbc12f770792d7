"""kill -9 around a write to Slack and to GitHub: whether it arrived or not, it is there once, and nobody is asked."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.kill.writing import LEASE, agent
from tests.tools.loopback import Asked, loopback
from tests.warm import KILL, python
from weft import App
from weft.storage.base import Page, Scope

ALL = Scope("default")
REPO = "/repos/octo/world"
ISSUE: dict[str, Any] = {
    "number": 1, "title": "Old", "state": "open", "user": {"login": "ada"}, "body": "", "labels": [],
    "html_url": "https://git.example/1", "comments": 0, "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z"}  # fmt: skip


class Service:
    """Keeps what is written to it, and never answers the first time."""

    def __init__(self, *, arrives: bool) -> None:
        self.kept: list[dict[str, Any]] = []
        self.posts = 0
        self.reached = asyncio.Event()
        self._arrives = arrives

    @property
    def answers(self) -> dict[str, Any]:
        return {
            "POST /api/chat.postMessage": self.post,
            "GET /api/conversations.history": lambda _: {"ok": True, "messages": self.kept, "has_more": False},
            f"POST {REPO}/issues": self.post,
            f"GET {REPO}/issues": lambda _: [*self.kept, ISSUE],
        }

    async def post(self, asked: Asked) -> Any:
        self.posts += 1
        made = ISSUE | asked.json | {"ok": True, "ts": "1700000000.000100", "number": 2, "labels": []}
        if self.posts > 1 or self._arrives:
            self.kept.append(made)
        if self.posts == 1:
            self.reached.set()
            await asyncio.sleep(60)
        return made


@pytest.mark.usefixtures("warm")
@pytest.mark.blocks
@pytest.mark.parametrize("arrives", [True, False], ids=["it arrived", "it was lost"])
@pytest.mark.parametrize("service", ["slack", "github"])
async def test_a_write_is_there_once(
    service: str, arrives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "b0t")
    store, there = f"sqlite:///{tmp_path}/weft.db", Service(arrives=arrives)
    async with loopback(there.answers) as here:
        child = await asyncio.create_subprocess_exec(*python("-m", "tests.kill.writing", store, service, here.url))
        try:
            await asyncio.wait_for(there.reached.wait(), 30)
        finally:
            child.send_signal(KILL)
            await child.wait()
        async with App(agents=[agent(service, here.url)], store=store, lease=LEASE) as app:
            await app.start()
            async with asyncio.timeout(30):
                while (run := (await app.store.runs.list(ALL, Page()))[0]).status != "finished":
                    assert run.status in ("queued", "running"), run
                    await asyncio.sleep(0.05)
            (found,) = [part for _, each in await app.messages(ALL, "t1") for part in each.tool_results]
    assert not found.failed, found.content
    assert len(there.kept) == 1
    assert there.posts == (1 if arrives else 2)
