"""MCP servers as tools: real servers in processes of their own, over each transport, in both eras."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.services import free_port
from tests.tools.conftest import Recorded
from tests.warm import python
from weft import Agent, App
from weft.agents.sampling import sampling
from weft.engine.context import Context, Interrupted
from weft.errors import ToolFailed, UsageError
from weft.events import Custom
from weft.models.scripted import Scripted
from weft.models.scripted import call as says
from weft.tools.base import Returned
from weft.tools.mcp import MCP, close_connections
from weft.tools.run import run_tool

SERVER = python(Path(__file__).with_name("server.py"))
pytestmark = pytest.mark.usefixtures("warm")
Where = Literal["stdio", "stdio 2025", "http", "http 2025", "sse"]


@pytest.fixture(autouse=True)
async def closed() -> AsyncGenerator[None]:
    yield
    await close_connections()


async def serving(*more: str, port: int = 0) -> tuple[asyncio.subprocess.Process, int]:
    """The workshop over HTTP, at this port or a free one."""
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(*SERVER, str(port), *more)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, port
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError("the server did not start")


@pytest.fixture(params=["stdio", "stdio 2025", "http", "http 2025", "sse"])
async def workshop(request: pytest.FixtureRequest) -> AsyncGenerator[MCP]:
    where: Where = request.param
    era: Literal["auto", "2025"] = "2025" if where.endswith("2025") else "auto"
    if where.startswith("stdio"):
        yield MCP(SERVER, era=era)
        return
    process, port = await serving(*(["sse"] if where == "sse" else []))
    try:
        path = "sse" if where == "sse" else "mcp"
        yield MCP(f"http://127.0.0.1:{port}/{path}", era=era, sse=where == "sse")
        await close_connections()
    finally:
        process.kill()
        await process.wait()


async def call(mcp: MCP, ctx: Context[Any], name: str, **arguments: Any) -> Returned:
    tools = {tool.name: tool for tool in await mcp.tools(ctx)}
    return await run_tool(tools[name], arguments, ctx)


async def test_tools_as_the_server_describes_them(workshop: MCP, ctx: Context[Any]) -> None:
    tools = {tool.name: tool for tool in await workshop.tools(ctx)}
    add = tools["add"]
    assert add.spec.description == "Add two numbers."
    assert add.spec.parameters["required"] == ["a", "b"]
    assert (add.effect, tools["slow"].effect, tools["fail"].effect) == ("read", "idempotent", "once")
    assert [name for name in tools if name.startswith("cut_out_")]
    assert (await run_tool(add, {"a": 2, "b": 3}, ctx)).content == "5"
    assert workshop.state["connected"]
    assert (workshop.state["name"], workshop.state["version"]) == ("workshop", "3.1")
    assert (await workshop.tools(ctx)) is (await workshop.tools(ctx)), "the list is made once"


async def test_failures_are_words(workshop: MCP, ctx: Context[Any]) -> None:
    with pytest.raises(ToolFailed, match="the drawer is stuck"):
        await call(workshop, ctx, "fail")
    with pytest.raises(ToolFailed):
        await call(workshop, ctx, "add", a="three")
    assert (await call(workshop, ctx, "add", a=1, b=1)).content == "2"


async def test_pictures_and_long_words(workshop: MCP, ctx: Context[Any]) -> None:
    given = await call(workshop, ctx, "picture")
    assert given.content == "a dot\n[image/png]"
    assert [(one.mime, one.data) for one in given.media] == [("image/png", b"png")]
    long = await call(workshop, ctx, "big", characters=300_000)
    assert long.content.endswith("[cut off: 300000 characters]")
    assert len(long.content) < 201_000


async def test_progress_is_told(workshop: MCP, ctx: Context[Any], host: Recorded) -> None:
    assert (await call(workshop, ctx, "slow", seconds=0.2)).content == "rested"
    told = [event.data["done"] for event in host.events if isinstance(event, Custom) and event.name == "tool.progress"]
    assert told == [1, 2, 3, 4]


async def test_resources_prompts_completion(workshop: MCP) -> None:
    assert [one["uri"] for one in await workshop.resources()] == ["note://first"]
    assert (await workshop.read("note://second")).content == "the note second"
    assert [one["name"] for one in await workshop.prompts()] == ["greet"]
    ((role, said),) = await workshop.prompt("greet", who="Ada")
    assert (role, said.content) == ("user", "Say hello to Ada.")
    with pytest.raises(ToolFailed):
        await workshop.read("nothing://here")


async def test_a_question_of_the_server_is_one_to_a_person(workshop: MCP, ctx: Context[Any], host: Recorded) -> None:
    tools = {tool.name: tool for tool in await workshop.tools(ctx)}
    cut = next(tool for name, tool in tools.items() if name.startswith("cut_out_"))
    with pytest.raises(Interrupted) as interrupted:
        await run_tool(cut, {"thing": "star"}, ctx)
    (question,) = interrupted.value.questions
    assert question.payload["message"] == "Which size?"
    assert question.schema is not None
    assert question.schema["properties"]["content"]["properties"]["size"]["type"] == "integer"
    host.given[question.id] = {"action": "accept", "content": {"size": 7}}
    again = Context(ctx.run, ctx.path, ctx.deps, host)
    assert (await run_tool(cut, {"thing": "star"}, again)).content == "star of size 7"
    host.given[question.id] = {"action": "decline"}
    with pytest.raises(ToolFailed):
        await run_tool(cut, {"thing": "star"}, Context(ctx.run, ctx.path, ctx.deps, host))


@pytest.mark.parametrize("era", ["auto", "2025"])
async def test_a_model_of_ours_answers_the_server_once_a_person_has_said_yes(era: Any, tmp_path: Path) -> None:
    muse = Scripted(["Roses are red"], name="muse", order="repeat")
    mcp = MCP(SERVER, era=era, sample=sampling(muse))
    agent = Agent("poet", model=Scripted([says("rhyme"), "Done."], order="turn"), tools=[mcp])
    async with App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db") as app:
        first = await app.run(agent, "A rhyme")
        (question,) = first.questions
        assert question.payload["request"]["messages"][0]["content"]["text"] == "A rhyme, please."
        assert muse.asked == []
        run = await app.resume(first.run_id, {question.id: True})
        (told,) = [part for message in run.messages for part in message.tool_results]
        assert (run.output, told.content) == ("Done.", "Roses are red (muse, endTurn)")
        (asked,) = muse.asked
        assert [message.text for message in asked.messages] == ["Be brief.", "A rhyme, please."]
        assert asked.settings["max_tokens"] == 50
        assert ("muse",) in {row.key for row in await app.costs("model")}
        second = await app.run(agent, "Another")
        run = await app.resume(second.run_id, {second.questions[0].id: False})
        (told,) = [part for message in run.messages for part in message.tool_results][-1:]
        assert told.failed
        assert len(muse.asked) == 1


async def test_new_tools_are_seen(workshop: MCP, ctx: Context[Any]) -> None:
    assert "grown" not in {tool.name for tool in await workshop.tools(ctx)}
    await call(workshop, ctx, "grow")
    for _ in range(100):
        if "grown" in {tool.name for tool in await workshop.tools(ctx)}:
            break
        await asyncio.sleep(0.02)
    assert (await call(workshop, ctx, "grown")).content == "new"


async def test_a_tool_that_changes_needs_a_yes(workshop: MCP, ctx: Context[Any]) -> None:
    assert not next(tool for tool in await workshop.tools(ctx) if tool.name == "add").approval
    await call(workshop, ctx, "turn")
    for _ in range(100):
        add = next(tool for tool in await workshop.tools(ctx) if tool.name == "add")
        if add.approval:
            break
        await asyncio.sleep(0.02)
    assert add.approval
    assert "evil.example" in add.spec.description
    slow = next(tool for tool in await workshop.tools(ctx) if tool.name == "slow")
    assert not slow.approval


async def test_pins_outlive_the_process(ctx: Context[Any], tmp_path: Path) -> None:
    pins = tmp_path / "mcp.json"
    await MCP(SERVER, pins=pins).tools(ctx)
    pins.write_text(pins.read_text().replace('"add": "', '"add": "0'))
    tools = {tool.name: tool.approval for tool in await MCP(SERVER, pins=pins).tools(ctx)}
    assert (tools["add"], tools["slow"]) == (True, False)
    pins.write_text("{")
    with pytest.raises(UsageError, match=r"mcp\.json"):
        await MCP(SERVER, pins=pins).tools(ctx)


async def test_a_server_that_dies_is_a_failed_call(workshop: MCP, ctx: Context[Any]) -> None:
    if "http" in repr(workshop):
        pytest.skip("it would not come back")
    first = (await call(workshop, ctx, "pid")).content
    with pytest.raises(ToolFailed, match="whether it had an effect is unknown"):
        await call(workshop, ctx, "die")
    await asyncio.sleep(0.2)
    assert (await call(workshop, ctx, "pid")).content != first


async def test_a_server_that_is_killed_while_it_works(ctx: Context[Any]) -> None:
    mcp = MCP(SERVER)
    process = int((await call(mcp, ctx, "pid")).content)
    under_way = [asyncio.create_task(call(mcp, ctx, "slow", seconds=30)) for _ in range(5)]
    await asyncio.sleep(0.2)
    os.kill(process, signal.SIGKILL)
    outcomes = await asyncio.wait_for(asyncio.gather(*under_way, return_exceptions=True), 10)
    assert all(isinstance(outcome, ToolFailed) for outcome in outcomes), outcomes


async def test_cancelling_a_call_leaves_the_connection(workshop: MCP, ctx: Context[Any]) -> None:
    await call(workshop, ctx, "add", a=1, b=1)
    task = asyncio.create_task(call(workshop, ctx, "slow", seconds=30))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await call(workshop, ctx, "add", a=1, b=2)).content == "3"


async def test_many_share_one_process(ctx: Context[Any]) -> None:
    sets = [MCP(SERVER) for _ in range(3)]
    said = await asyncio.gather(*(call(mcp, ctx, "pid") for mcp in sets for _ in range(10)))
    assert len({one.content for one in said}) == 1


@pytest.mark.parametrize(
    "target",
    [
        ["no-such-program-anywhere"],
        [sys.executable, "-c", "print('not json')"],
        [sys.executable, "-c", "import time; time.sleep(60)"],
        [sys.executable, "-c", 'import sys\nfor line in sys.stdin: print(\'{"jsonrpc": "2.0"\', flush=True)'],
        "http://127.0.0.1:9/mcp",
    ],
)
async def test_a_server_that_is_none(target: str | Sequence[str], ctx: Context[Any], host: Recorded) -> None:
    began = time.monotonic()
    mcp = MCP(target, connect=1.0)
    assert list(await mcp.tools(ctx)) == []
    (event,) = [event for event in host.events if isinstance(event, Custom)]
    assert event.name == "mcp.unavailable"
    with pytest.raises(ToolFailed):
        await MCP(target, connect=1.0, required=True).tools(ctx)
    with pytest.raises(ToolFailed):
        await mcp.resources()
    assert time.monotonic() - began < 15
    assert not mcp.state["connected"]


async def test_what_a_server_complained_of_is_told(ctx: Context[Any]) -> None:
    mcp = MCP([sys.executable, "-c", "import sys; sys.exit('no licence found')"], required=True)
    with pytest.raises(ToolFailed, match="no licence found"):
        await mcp.tools(ctx)


@pytest.mark.parametrize(
    ("target", "options"),
    [("ftp://x", {}), ([], {}), ("https://x", {"env": {"A": "1"}}), (["x"], {"headers": {"A": "1"}}), ("npx y", {})],
)
def test_wrong_addresses(target: Any, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        MCP(target, **options)


async def test_only_chosen_tools(ctx: Context[Any]) -> None:
    assert [tool.name for tool in await MCP(SERVER, tools=["add"]).tools(ctx)] == ["add"]
    with pytest.raises(UsageError, match="nothing"):
        await MCP(SERVER, tools=["nothing"]).tools(ctx)


async def test_an_agent_with_a_server(tmp_path: Path, ctx: Context[Any]) -> None:
    """A question of the server pauses the run; the answer goes back, in another process as it might be."""
    name = next(tool.name for tool in await MCP(SERVER).tools(ctx) if "cut" in tool.name)
    model = Scripted([says(name, thing="star"), "Done."])
    url = f"sqlite:///{tmp_path / 'weft.db'}"
    smith: Agent[str] = Agent("smith", model=model, tools=[MCP(SERVER)])
    async with App(agents=[smith], store=url) as app:
        paused = await app.run("smith", "a star, please", thread="t1")
        assert paused.status == "paused"
    smith = Agent("smith", model=Scripted(["Done."]), tools=[MCP(SERVER)])
    async with App(agents=[smith], store=url) as app:
        (question,) = paused.questions
        answers = {question.id: {"action": "accept", "content": {"size": 3}}}
        result = await app.resume(paused.run_id, answers)
        assert result.output == "Done."
        assert "star of size 3" in str(result.messages)


async def test_runs_over_a_server_that_is_killed_again_and_again(ctx: Context[Any]) -> None:
    """No run hangs, none is lost; what failed is a failed tool call."""
    agent: Agent[str] = Agent(
        "adder", model=Scripted([says("add", a=1, b=2), "Done."], order="turn"), tools=[MCP(SERVER)]
    )
    mcp, ended = MCP(SERVER), asyncio.Event()
    await mcp.tools(ctx)

    async def kill() -> None:
        while not ended.is_set():
            with suppress(ToolFailed, KeyError, ProcessLookupError):
                os.kill(int((await call(mcp, ctx, "pid")).content), signal.SIGKILL)
            await asyncio.sleep(0.5)

    killing = asyncio.create_task(kill())
    try:
        for _ in range(10):
            results = await asyncio.wait_for(asyncio.gather(*(agent.run("1 + 2") for _ in range(20))), 60)
            assert {result.output for result in results} == {"Done."}
    finally:
        ended.set()
        await killing


OLD = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    about = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
    about["serverInfo"] = {"name": "old", "version": "1"}
    told = {"result": about} if asked["method"] == "initialize" else {"error": {"code": -32601, "message": "what?"}}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **told}), flush=True)
"""


async def test_a_server_of_2025_where_2026_was_asked_for(ctx: Context[Any]) -> None:
    with pytest.raises(ToolFailed, match="2026 was asked for"):
        await MCP([sys.executable, "-c", OLD], era="2026", required=True).tools(ctx)


@pytest.mark.parametrize("era", ["2025", "2026"])
async def test_an_address_that_somebody_else_chose(era: Any, ctx: Context[Any]) -> None:
    """By its name nobody sees that it leads to this machine; what is connected to is looked at."""
    process, port = await serving()
    try:
        url = f"http://localhost:{port}/mcp"
        assert not await MCP(url, era=era, reach=(), connect=10).tools(ctx)
        allowed = MCP(url, era=era, reach=(f"localhost:{port}",))
        (add,) = [each for each in await allowed.tools(ctx) if each.name == "add"]
        assert "5" in (await run_tool(add, {"a": 2, "b": 3}, ctx)).content
    finally:
        await close_connections()
        process.terminate()
        await process.wait()
