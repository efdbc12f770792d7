"""``weft mcp`` and ``app.mcp()`` to the official client: over stdio, alone over HTTP, and within the server."""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Literal

import httpx2
import mcp_types as types
import pytest
import uvicorn
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from tests.plugins.leaks import waited
from tests.protocols.mcp import desk
from tests.warm import python
from weft import Agent, App, tool
from weft.errors import NotFound, UsageError
from weft.models.scripted import Scripted
from weft.protocols.mcp import Bearer
from weft.security.policy import Policy, Rule
from weft.server.listen import bind, url_of
from weft.storage.base import Page, RunRecord, Scope

DESK = Path(__file__).with_name("desk.py")
WEFT = python("-m", "weft")
Mode = Literal["auto", "legacy"]
pytestmark = pytest.mark.usefixtures("warm")


@asynccontextmanager
async def over_http(*more: str) -> AsyncGenerator[str]:
    """``weft mcp --http`` or ``weft serve`` in a process of its own; where MCP is."""
    process = await asyncio.create_subprocess_exec(*WEFT, *more, "--port", "0", "--json", stdout=-1)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            url: str = json.loads(await process.stdout.readuntil(b"\n}\n"))["url"]
        yield url if url.endswith("mcp") else f"{url}mcp"
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def transport(where: str, store: str) -> AsyncGenerator[Any]:
    if where == "stdio":
        yield stdio_client(StdioServerParameters(command=WEFT[0], args=[*WEFT[1:], "mcp", str(DESK), "--store", store]))
        return
    command = ["mcp", str(DESK), "--http"] if where == "http" else ["serve", str(DESK)]
    async with over_http(*command, "--store", store) as url:
        yield url


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/weft.db"


async def runs_in(store: str) -> list[RunRecord]:
    async with App(store=store) as app:
        return list(await app.store.runs.list(Scope("default"), Page(50)))


def status_in(store: str) -> str:
    """Of the only run, as another process sees it."""
    with closing(sqlite3.connect(f"file:{store.removeprefix('sqlite:///')}?mode=ro", uri=True)) as database:
        ((status,),) = database.execute("SELECT status FROM runs").fetchall()
        return status


def words(result: Any) -> str:
    return "\n".join(block.text for block in result.content)


@pytest.mark.parametrize(
    ("where", "mode"), [("stdio", "auto"), ("stdio", "legacy"), ("http", "auto"), ("serve", "legacy")]
)
async def test_all_that_is_served(where: str, mode: Mode, store: str) -> None:
    heard: list[tuple[float, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, message))

    async def says(context: Any, params: Any) -> Any:
        if "nights" in params.message:
            return types.ElicitResult(action="accept", content={"answer": 3})
        if "decision" in params.requested_schema["properties"]:
            return types.ElicitResult(action="accept", content={"decision": "approve"})
        return types.ElicitResult(action="accept", content={"size": 7})

    async with transport(where, store) as target, Client(target, mode=mode, elicitation_callback=says) as client:
        assert client.protocol_version == ("2025-11-25" if mode == "legacy" else "2026-07-28")
        tools = {one.name: one for one in (await client.list_tools()).tools}
        targets = {"counter", "sender", "sleepy", "trip", "answer"}
        own = {"double", "send", "wait_long", "ask_size"} if where != "serve" else set[str]()
        assert set(tools) == targets | own
        assert tools["sleepy"].description == "Never comes to an end."

        answer = await client.call_tool("counter", {"message": "What is twice 21?"}, progress_callback=progress)
        assert (words(answer), answer.is_error) == ("It is 42.", False)
        assert [done for done, _ in heard] == sorted({done for done, _ in heard})
        assert "double is done" in [message for _, message in heard]

        again = {"message": "And again?", "thread": (answer.meta or {})["weft/thread"]}
        assert words(await client.call_tool("counter", again)) == "It is 42."
        nobody = await client.call_tool("counter", {"message": "?", "thread": "\x00"})
        assert nobody.is_error

        assert words(await client.call_tool("sender", {"message": "Send hi."})) == "Done."
        trip = await client.call_tool("trip", {"input": {"city": "Rome"}})
        assert (trip.structured_content or {})["plan"] == "3 nights in Rome"
        if where == "serve":
            return
        assert words(await client.call_tool("double", {"n": 21})) == "42"
        wrong = await client.call_tool("double", {"n": "many"})
        assert wrong.is_error
        assert "n:" in words(wrong)
        assert words(await client.call_tool("ask_size", {})) == "accept 7"
        assert words(await client.call_tool("send", {"text": "now"})) == "sent now"
        (said,) = (await client.get_prompt("greet", {"who": "Ada"})).messages
        assert said.content == types.TextContent(type="text", text="Say hello to Ada.")
        ref = types.PromptReference(name="greet")
        assert (await client.complete(ref, {"name": "who", "value": "Ad"})).completion.values == ["Ada", "Adam"]
        (read,) = (await client.read_resource("note://today")).contents
        assert isinstance(read, types.TextResourceContents)
        assert read.text == "the note today"
        (own,) = (await client.read_resource("mine://a")).contents
        assert own.model_dump()["text"] == "a of local in default"
        with pytest.raises(MCPError, match="not found"):
            await client.read_resource("note://..%2Fsecrets")
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("nothing", {})


@pytest.mark.parametrize(
    ("where", "mode"), [("stdio", "auto"), ("stdio", "legacy"), ("http", "auto"), ("http", "legacy")]
)
async def test_cancelling_a_call_ends_its_run_within_a_second(where: str, mode: Mode, store: str) -> None:
    async with transport(where, store) as target, Client(target, mode=mode) as client:
        started = asyncio.Event()

        async def progress(*_: Any) -> None:
            started.set()

        calling = asyncio.create_task(client.call_tool("sleepy", {"message": "?"}, progress_callback=progress))
        async with asyncio.timeout(20):
            await started.wait()
        assert status_in(store) == "running"
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        until, busy = time.monotonic() + 1, waited()
        while status_in(store) != "cancelled":
            late = 3 * (waited() - busy)  # the server has waited for the machine as well
            assert time.monotonic() < until + late, "the run goes on a second after its call was cancelled"
            await asyncio.sleep(0.05)
        assert words(await client.call_tool("double", {"n": 4})) == "8", "the connection is as good as before"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_that_cannot_ask_is_told_what_is_open(mode: Mode, store: str) -> None:
    async with transport("stdio", store) as target, Client(target, mode=mode) as client:
        waits = await client.call_tool("trip", {"input": {"city": "Rome"}})
        assert not waits.is_error
        assert "How many nights in Rome?" in words(waits)
        assert '"type":"integer"' in words(waits)
        told: Any = waits.structured_content
        (question,) = told["questions"]
        wrong = {"run_id": told["run_id"], "answers": {question["id"]: "many"}}
        assert (await client.call_tool("answer", wrong)).is_error
        right = {"run_id": told["run_id"], "answers": {question["id"]: 2}}
        done = await client.call_tool("answer", right)
        assert (done.structured_content or {})["plan"] == "2 nights in Rome"

        approval: Any = (await client.call_tool("sender", {"message": "Send hi."})).structured_content
        (question,) = approval["questions"]
        yes = {"run_id": approval["run_id"], "answers": {question["id"]: {"decision": "approve"}}}
        refused = await client.call_tool("answer", yes)
        assert refused.is_error
        assert "only a person can decide" in words(refused)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_what_a_person_refuses_stays_open_or_is_refused(mode: Mode, store: str) -> None:
    asked: list[str] = []

    async def declines(context: Any, params: Any) -> Any:
        asked.append(params.message)
        return types.ElicitResult(action="decline")

    async with transport("stdio", store) as target, Client(target, mode=mode, elicitation_callback=declines) as client:
        waits = await client.call_tool("trip", {"input": {"city": "Rome"}})
        assert "How many nights" in words(waits)
        assert len(asked) == 1, "nobody is asked twice"
        assert words(await client.call_tool("ask_size", {})) == "decline None"
        sent = await client.call_tool("send", {"text": "hi"})
        assert (words(sent), sent.is_error) == ("a person said no", True)


async def test_a_host_that_is_configured_as_all_hosts_are(tmp_path: Path) -> None:
    args = [*WEFT[1:], "mcp", str(DESK), "--only", "counter"]
    env = {"WEFT_STORE": f"sqlite:///{tmp_path}/weft.db"}
    config = tmp_path / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"desk": {"command": WEFT[0], "args": args, "env": env}}}))
    server: dict[str, Any] = json.loads(config.read_text())["mcpServers"]["desk"]
    async with Client(stdio_client(StdioServerParameters(**server))) as client:
        names = {one.name for one in (await client.list_tools()).tools}
        assert "counter" in names
        assert "sender" not in names
        assert words(await client.call_tool("counter", {"message": "What is twice 21?"})) == "It is 42."


async def test_only_who_has_a_token_is_served(store: str) -> None:
    token = "a-token-of-one-user"
    async with over_http("mcp", str(DESK), "--http", "--token", token, "--store", store) as url:
        async with httpx2.AsyncClient() as anybody:
            refused = await anybody.post(url, json={})
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Bearer")
            wrong = await anybody.post(url, json={}, headers={"Authorization": "Bearer another"})
            assert wrong.status_code == 401
        http = create_mcp_http_client(headers={"Authorization": f"Bearer {token}"})
        for mode in ("auto", "legacy"):
            async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
                assert words(await client.call_tool("double", {"n": 4})) == "8"
        await http.aclose()
    (run, _) = await runs_in(store)
    assert run.user_id == "local"


async def test_pages_of_others_are_not_served(store: str) -> None:
    for command in (["mcp", str(DESK), "--http"], ["serve", str(DESK)]):
        async with over_http(*command, "--store", store) as url, httpx2.AsyncClient() as browser:
            rebound = await browser.post(url, json={}, headers={"Host": "evil.example"})
            assert rebound.status_code == 421
            foreign = await browser.post(url, json={}, headers={"Origin": "http://evil.example"})
            assert foreign.status_code == 403


async def test_everybody_sees_only_their_own_runs(tmp_path: Path) -> None:
    """Two users of one server: threads, runs and the state of calls are each one's own."""
    app = App(agents=[desk.counter], targets=[desk.trip], store=f"sqlite:///{tmp_path}/weft.db")
    serving = app.mcp(tokens={"the-token-of-ada-1": "ada", "the-token-of-bob-1": "bob"}, resources=[desk.mine])
    sock = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(serving, log_level="warning", lifespan="on"))
    task = asyncio.create_task(server.serve([sock]))
    clients = {
        name: create_mcp_http_client(headers={"Authorization": f"Bearer the-token-of-{name}-1"})
        for name in ("ada", "bob")
    }
    url = f"{url_of(sock)}mcp"
    async with Client(streamable_http_client(url, http_client=clients["ada"])) as ada:
        hers = await ada.call_tool("counter", {"message": "What is twice 21?"})
        waits: Any = (await ada.call_tool("trip", {"input": {"city": "Rome"}})).structured_content
        (own,) = (await ada.read_resource("mine://a")).contents
        assert own.model_dump()["text"] == "a of ada in default"
    async with Client(streamable_http_client(url, http_client=clients["bob"])) as bob:
        (own,) = (await bob.read_resource("mine://a")).contents
        assert own.model_dump()["text"] == "a of bob in default"
        thread = {"message": "And mine?", "thread": (hers.meta or {})["weft/thread"]}
        assert (await bob.call_tool("counter", thread)).is_error
        answers = {"run_id": waits["run_id"], "answers": {waits["questions"][0]["id"]: 2}}
        assert (await bob.call_tool("answer", answers)).is_error
    for client in clients.values():
        await client.aclose()
    server.should_exit = True
    await task


async def test_what_cannot_be_served_is_said_at_once() -> None:
    @tool
    def echo(text: str) -> str:
        """Say it."""
        return text

    @tool(name="echo")
    def other(text: str) -> str:
        """Say it too."""
        return text

    app = App(agents=[Agent("echo", model=Scripted([]))], store="sqlite://")
    with pytest.raises(UsageError, match="called 'echo'"):
        app.mcp(tools=[echo])
    with pytest.raises(NotFound, match="nothing here is called 'ecco'"):
        app.mcp(["ecco"])
    app.mcp([], tools=[echo])
    app.mcp([], tools=[echo])
    with pytest.raises(UsageError, match="another 'tool:echo'"):
        app.mcp([], tools=[other])
    with pytest.raises(UsageError, match="16 characters"):
        Bearer({"short": "ada"})


async def test_a_served_tool_is_held_to_the_policy() -> None:
    policy = Policy((Rule("deny", tools="double", arguments={"n": "> 100"}, reason="too much"),))
    app = App(store="sqlite://", policy=policy)
    sock = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app.mcp([], tools=[desk.double]), log_level="warning", lifespan="on"))
    task = asyncio.create_task(server.serve([sock]))
    async with Client(streamable_http_client(f"{url_of(sock)}mcp")) as client:
        fine = await client.call_tool("double", {"n": 21})
        refused = await client.call_tool("double", {"n": 210})
    used = [row.decision for row in await app.store.audit.list(Scope("default"), Page(9))]
    server.should_exit = True
    await task
    assert (used, fine.is_error, refused.is_error) == (["deny", "allow"], False, True)
    assert "42" in str(fine.content)
    assert "too much" in str(refused.content)
