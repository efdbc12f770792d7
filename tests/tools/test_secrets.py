"""Secrets of a workspace: sealed in the store, and given to tools by name, in runs and in trials."""

import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.tools.loopback import Loopback, loopback
from weft import MCP, Agent, App, Policy, Rule
from weft.agents.trying import Bench, tried
from weft.errors import NotFound, UsageError
from weft.models.scripted import Scripted, call
from weft.storage.base import Page, Scope
from weft.tools.builtin.github import GitHub
from weft.tools.builtin.servers import checked
from weft.tools.catalogue import builtin
from weft.tools.mcp import close_connections
from weft.tools.secrets import Secrets

SERVER = """
import os
from mcp.server.mcpserver import MCPServer
server = MCPServer("keys")
@server.tool()
def length() -> int:
    "Of the key that it was given."
    return len(os.environ["SERVICE_KEY"])
server.run()
"""


@pytest.fixture
async def here() -> AsyncIterator[Loopback]:
    async with loopback({"GET /repos/a/b/issues": []}) as running:
        yield running


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_SECRET_KEY", "k" * 32)


def app_at(path: Path, tools: Any, name: str, *, workspace: str = "one", **given: Any) -> App:
    model = Scripted([call(name, **given), "done"], order="turn")
    return App(agents=[Agent("desk", model=model, tools=[tools])], store=f"sqlite:///{path}", workspace=workspace)


async def result(app: App) -> Any:
    run = await app.run("desk", "?")
    (found,) = [part for message in run.messages for part in message.tool_results]
    return found


async def test_a_tool_is_given_the_secret_of_the_runs_workspace(here: Loopback, tmp_path: Path) -> None:
    github = GitHub(base_url=here.url, token="secret:GITHUB")
    name = next(each.name for each in await github.tools(None) if "issues" in each.name)  # pyright: ignore[reportArgumentType]
    given = {"repository": "a/b"}
    async with app_at(tmp_path / "s.db", github, name, **given) as app:
        assert "has no secret GITHUB" in (await result(app)).content
        await Secrets(app.store, "one").set("GITHUB", " gh-token-of-one\n")
        found = await result(app)
        assert not found.failed, found.content
        assert [asked.headers["Authorization"] for asked in here.asked] == ["Bearer gh-token-of-one"]
        happened = await app.events(Scope("one"), (await app.run("desk", "?")).run_id)
        assert happened
        assert b"gh-token" not in msgspec.json.encode(happened)
    async with app_at(tmp_path / "s.db", github, name, workspace="two", **given) as other:
        assert "has no secret GITHUB" in (await result(other)).content
    with sqlite3.connect(tmp_path / "s.db") as database:
        assert not any("gh-token" in line for line in database.iterdump())


async def test_names_are_all_that_is_told(tmp_path: Path) -> None:
    async with App(agents=[], store=f"sqlite:///{tmp_path}/s.db") as app:
        secrets = Secrets(app.store, app.workspace)
        for name in ("b", "a"):
            await secrets.set(name, "v")
        assert list(await secrets.names()) == ["a", "b"]
        await secrets.remove("a")
        assert list(await secrets.names()) == ["b"]
        with pytest.raises(NotFound):
            await secrets.remove("a")
        for name, value in (("", "v"), ("../x", "v"), ("a b", "v"), ("a", " "), ("a", "v" * 20_001)):
            with pytest.raises(UsageError):
                await secrets.set(name, value)


async def test_an_mcp_server_is_one_for_each_workspace_whose_secrets_it_gets(tmp_path: Path) -> None:
    server = MCP([sys.executable, "-c", SERVER], env={"SERVICE_KEY": "secret:SERVICE"})
    try:
        async with app_at(tmp_path / "s.db", server, "length") as app:
            await Secrets(app.store, "one").set("SERVICE", "12345")
            await Secrets(app.store, "two").set("SERVICE", "1234567")
            assert (await result(app)).content == "5"
            for workspace, length in (("two", "7"), ("one", "5")):
                bench = Bench(store=app.store, workspace=workspace)
                assert (await tried(server, "length", {}, bench=bench)).output.content == length
    finally:
        await close_connections()


async def test_a_trial_is_in_the_audit(tmp_path: Path) -> None:
    policy = Policy(rules=(Rule("deny", arguments={"expression": "*9*"}), Rule("ask", arguments={"expression": "*8*"})))
    async with App(agents=[], store=f"sqlite:///{tmp_path}/s.db") as app:
        bench = Bench(store=app.store, user="ada")
        for digit in "198":
            await tried(builtin("calculator"), "", {"expression": digit}, policy=policy, bench=bench)
        await tried(builtin("calculator"), "", {"expression": "1"}, bench=bench)
        rows = await app.store.audit.list(Scope("default", "ada"), Page())
        assert [(row.decision, row.result is None, row.failed) for row in rows] == [
            ("ask", True, False), ("deny", True, True), ("allow", False, False),
        ]  # fmt: skip
        assert all(row.run_id.startswith("trial") and row.tool == "calculator" for row in rows)
        assert (await app.verify_audit()).rows == 3


def test_what_may_stand_for_a_password() -> None:
    checked("imaps://ada@mail.example.com", "secret:MAIL", {"imaps": 993})
    checked("secret:IMAP", None, {"imaps": 993})
    with pytest.raises(UsageError, match="not written down"):
        checked("imaps://ada@mail.example.com", "hunter2", {"imaps": 993})
