"""Tools of a workspace: what may be added, and what agents get of it."""

import sys
from pathlib import Path
from typing import Any

import pytest

from weft import Agent, App
from weft.agents.trying import members, tried
from weft.errors import AccessDenied, Conflict, NotFound, UsageError
from weft.events import Custom
from weft.models.scripted import Scripted, call
from weft.tools import mcp
from weft.tools.catalogue import CATALOGUE, builtin
from weft.tools.registry import Enabled, Permits, Registration, Registry

PERMITS = Permits(packages=("tests.tools",), commands=(sys.executable,))
SERVER = str(Path(__file__).parent / "mcp" / "server.py")


def custom(target: str, name: str = "mine", **more: Any) -> Registration:
    return Registration(name=name, kind="custom", target=target, **more)


async def test_every_tool_of_the_catalogue_can_be_made(tmp_path: Path) -> None:
    for name, entry in CATALOGUE.items():
        options = {"files": {"folder": tmp_path}, "sql": {"url": "sqlite:///x.db"}}.get(name, {})
        options = options or {"git": {"repositories": {"world": "https://git.example/world.git"}}}.get(name, {})
        tools = await members(builtin(name, **options))
        assert tools, name
        assert all(each.spec.description for each in tools)
        assert entry.title
    with pytest.raises(NotFound, match="there are calculator, clock"):
        builtin("magic")
    with pytest.raises(UsageError, match="'fetch' cannot be made with"):
        builtin("fetch", colour="red")
    with pytest.raises(UsageError, match="takes no options"):
        builtin("clock", colour="red")


@pytest.mark.parametrize(
    ("told", "error", "words"),
    [
        (custom("os:system"), AccessDenied, "functions of os may not be added here: set WEFT_TOOL_PACKAGES"),
        (custom("tests.toolsy:x"), AccessDenied, "may not be added"),
        (custom("tests.tools.functions"), UsageError, "not of the form module:function"),
        (custom("tests.tools.functions:__import__('os')"), UsageError, "not of the form"),
        (custom("tests.tools.functions:nothing"), UsageError, "cannot be imported: AttributeError"),
        (custom("tests.tools.nowhere:x"), UsageError, "cannot be imported: ModuleNotFoundError"),
        (custom("tests.tools.functions:number"), UsageError, "made of a function"),
        (custom("tests.tools.functions:double", name="clock"), UsageError, "name of a built-in tool"),
        (custom("tests.tools.functions:double", name="a b"), UsageError, "is no name for a tool"),
        (Registration(name="x", kind="mcp", target=("rm", "-rf")), AccessDenied, "'rm' may not be started here"),
        (Registration(name="x", kind="mcp", target="file:///x"), UsageError, "an address that begins with http"),
        (Registration(name="x", kind="mcp", target="http://x", headers={"Cookie": "a=1"}), UsageError, "os.environ"),
        (Registration(name="sql", kind="builtin", target="sql"), AccessDenied, "only be made in Python"),
        (Registration(name="fetch", kind="builtin", target="fetch", options={"allow": []}), UsageError, "no options"),
    ],
    ids=str,
)  # fmt: skip
async def test_what_may_not_be_added(told: Registration, error: Any, words: str, tmp_path: Path) -> None:
    async with App(store=f"sqlite:///{tmp_path}/weft.db") as app:
        with pytest.raises(error, match=words):
            await Registry(app.store, "default", PERMITS).add(told)
        assert await app.store.tools.all("default") == []


async def test_a_life_of_tools(tmp_path: Path) -> None:
    async with App(store=f"sqlite:///{tmp_path}/weft.db") as app:
        registry = Registry(app.store, "default", PERMITS)
        assert {each.enabled for each in await registry.all()} == {False}
        await registry.add(custom("tests.tools.functions:several"))
        with pytest.raises(Conflict):
            await registry.add(custom("tests.tools.functions:double"))
        done = await tried(await registry.toolset("mine"), "double", {"n": "21"})
        assert (done.output.content, done.output.failed) == ("42", False)
        assert "given" in (await tried(await registry.toolset("mine"), "double", {"n": "x"})).output.content
        assert (await tried(await registry.toolset("mine"), "wipe", {"path": "/"})).paused
        with pytest.raises(NotFound, match="there are: double, wipe"):
            await tried(await registry.toolset("mine"), "", {})
        await registry.change("calculator", enabled=True, approval=True)
        assert (await tried(await registry.toolset("calculator"), "", {"expression": "1"})).paused
        changed = await registry.change("web_search", enabled=True, options={"engine": "brave", "count": 3})
        assert changed.options["count"] == 3
        with pytest.raises(UsageError, match="no search engine 'bing'"):
            await registry.change("web_search", options={"engine": "bing"})
        await registry.remove("calculator")
        assert not (await registry.get("calculator")).enabled


async def test_agents_have_what_is_enabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.tools.registry.FRESH", 0.0)
    lines = [[call("double", n=4)], "8", [call("double", n=4)], "none"]
    agent = Agent("desk", model=Scripted(lines), tools=[Enabled(PERMITS)])
    async with App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db") as app:
        registry = Registry(app.store, "default", PERMITS)
        await registry.add(custom("tests.tools.functions:double"))
        await registry.add(Registration(name="server", kind="mcp", target=(sys.executable, SERVER)))
        run = await app.run(agent, "go")
        assert [part.content for message in run.messages for part in message.tool_results] == ["8"]
        await registry.change("mine", enabled=False)
        await app.store.tools.put("default", "bad", b'{"name":"bad","kind":"custom","target":"os:system"}')
        run = await app.run(agent, "go")
        (result,) = [part for message in run.messages for part in message.tool_results]
        assert result.failed
        assert "there is no tool 'double'; the tools are: " in result.content
        told = [each.event for each in await app.events(app._scope("local"), run.run_id)]
        assert next(each.data["name"] for each in told if isinstance(each, Custom)) == "bad"
        assert await members(await registry.toolset("server"))
    await mcp.close_connections()
    other = Agent("desk", model=Scripted(["hi"]), tools=[Enabled(PERMITS)])
    assert (await other.run("no store, no tools")).output == "hi"
