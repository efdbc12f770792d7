"""Signing in at MCP servers: against a real authorization server, with tokens that outlast the process."""

import asyncio
import os
import socket
import stat
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2
import pytest
from mcp.shared.auth import OAuthClientInformationFull
from pydantic import AnyUrl

from tests.services import free_port
from tests.tools.mcp.authority import Authority, protected
from tests.warm import python
from weft import MCP, Agent, App
from weft.errors import ToolFailed, UsageError
from weft.events import Custom
from weft.models.scripted import Scripted
from weft.models.scripted import call as says
from weft.security.sealing import key_in
from weft.tools.mcp import OAuth, close_connections

KEY = "0123456789abcdef0123456789abcdef"
pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture(autouse=True)
async def closed(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[None]:
    monkeypatch.setenv("WEFT_SECRET_KEY", KEY)
    yield
    await close_connections()


@pytest.fixture
def port() -> int:
    return free_port()


async def person(url: str) -> None:
    """Whose browser goes where it is sent."""
    async with httpx2.AsyncClient(follow_redirects=True) as browser:
        page = await browser.get(url)
        assert "You are signed in" in page.text, page.text


def app_of(mcp: MCP, store: str) -> App:
    model = Scripted([says("secret"), "Told."], order="turn")
    return App(agents=[Agent("clerk", model=model, tools=[mcp])], store=store)


async def told(app: App) -> str:
    """What the tool of the server said in a run."""
    result = await app.run("clerk", "What is it?")
    (said,) = [part.content for message in result.messages for part in message.tool_results]
    return said


async def test_a_person_signs_in_once_and_restarts_do_not_matter(tmp_path: Path, port: int) -> None:
    authority, store = Authority(), f"sqlite:///{tmp_path}/weft.db"
    async with protected(authority) as url:
        mcp = MCP(url, auth=OAuth(port=port))
        async with app_of(mcp, store):
            await mcp.sign_in(person)
        (asked,) = authority.asked
        assert asked.code_challenge
        assert asked.scopes == ["notes"]
        assert asked.resource == url
        (client,) = authority.clients.values()
        assert client.client_name == "Weft"
        await close_connections()

        async with app_of(MCP(url, auth=OAuth(port=port)), store) as app:  # as after a restart
            assert await told(app) == "forty-two"
        assert len(authority.asked) == 1, "nobody was asked again"
    for file in tmp_path.iterdir():
        body = file.read_bytes()
        assert b"access-" not in body
        assert b"refresh-" not in body
        assert (client.client_secret or "?").encode() not in body


async def test_tokens_that_expire_are_refreshed_after_a_restart_too(tmp_path: Path, port: int) -> None:
    authority, store = Authority(), f"sqlite:///{tmp_path}/weft.db"
    async with protected(authority) as url:
        mcp = MCP(url, auth=OAuth(port=port))
        async with app_of(mcp, store):
            authority.lasts = 2
            await mcp.sign_in(person)
        await close_connections()
        asked, authority.lasts = len(authority.asked), 3600
        await asyncio.sleep(2.1)
        async with app_of(MCP(url, auth=OAuth(port=port)), store) as app:
            assert await told(app) == "forty-two"
        assert (authority.refreshed, len(authority.asked)) == (1, asked)


async def test_a_client_that_is_known_already(tmp_path: Path, port: int) -> None:
    authority = Authority()
    authority.clients["weft"] = OAuthClientInformationFull(
        client_id="weft",
        client_secret="its secret",
        redirect_uris=[AnyUrl(f"http://127.0.0.1:{port}/callback")],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="client_secret_basic",
        scope="notes",
    )
    async with protected(authority, register=False) as url:
        how = OAuth(client_id="weft", client_secret="its secret", port=port, show=person)
        async with app_of(MCP(url, auth=how), f"sqlite:///{tmp_path}/weft.db") as app:
            assert await told(app) == "forty-two", "with show= a person signs in when it is needed"
    assert list(authority.clients) == ["weft"]


async def test_a_run_for_which_nobody_signed_in_says_how(port: int) -> None:
    async with protected(Authority()) as url:
        mcp = MCP(url, auth=OAuth(port=port))
        agent = Agent("clerk", model=Scripted(["I cannot."]), tools=[mcp])
        why = [envelope.event async for envelope in agent.stream("What is it?")]
        (said,) = [event.data["why"] for event in why if isinstance(event, Custom)]
        assert f"weft mcp --sign-in {url}" in said


async def test_what_may_go_wrong_with_signing_in(port: int) -> None:
    async def refused(url: str) -> None:
        async with httpx2.AsyncClient() as browser:
            await browser.get(f"http://127.0.0.1:{port}/elsewhere")
            await browser.get(f"http://127.0.0.1:{port}/callback?error=access_denied&error_description=No.")

    async def forged(url: str) -> None:
        async with httpx2.AsyncClient() as browser:
            await browser.get(f"http://127.0.0.1:{port}/callback?code=mine&state=guessed")

    async with protected(Authority()) as url:
        mcp = MCP(url, auth=OAuth(port=port))
        with pytest.raises(ToolFailed, match=r"refused: No\."):
            await mcp.sign_in(refused)
        with pytest.raises(ToolFailed, match="State parameter mismatch"):
            await mcp.sign_in(forged)
        with socket.create_server(("127.0.0.1", port)), pytest.raises(ToolFailed, match=str(port)):
            await mcp.sign_in(person)
    with pytest.raises(UsageError, match="OAuth"):
        await MCP("http://127.0.0.1:9/mcp").sign_in()
    with pytest.raises(UsageError, match="auth"):
        MCP(["server"], auth=OAuth())


async def test_another_key_opens_nothing(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    store = f"sqlite:///{tmp_path}/weft.db"
    async with protected(Authority()) as url:
        mcp = MCP(url, auth=OAuth(port=port), required=True)
        async with app_of(mcp, store):
            await mcp.sign_in(person)
        await close_connections()
        monkeypatch.setenv("WEFT_SECRET_KEY", KEY[::-1])
        async with app_of(mcp, store) as app:
            with pytest.raises(Exception, match="another key"):
                await told(app)


def test_a_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "weft" / "secret.key"
    key = key_in(path)
    assert key_in(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        key_in(path)


async def test_each_app_has_tokens_of_its_own(tmp_path: Path, port: int) -> None:
    authority = Authority()
    async with protected(authority) as url:
        mcp = MCP(url, auth=OAuth(port=port))
        one, two = (app_of(mcp, f"sqlite:///{tmp_path}/{name}.db") for name in ("one", "two"))
        async with one:
            await mcp.sign_in(person)
            async with two:
                with pytest.raises(UsageError, match="which one"):
                    await mcp.sign_in(person)
                assert await told(one) == "forty-two"
                why = [envelope.event async for envelope in two.stream("clerk", "What is it?")]
                said, *_ = [event.data["why"] for event in why if isinstance(event, Custom)]
                assert "nobody is signed in" in said
                await mcp.sign_in(person, app=two)
                assert len(authority.clients) == 2
            assert await told(one) == "forty-two", "the app opened last was another one, and is closed"
        assert len(authority.asked) == 2


GO = """
import sys, urllib.request
page = urllib.request.urlopen(sys.argv[1]).read()
assert b"You are signed in" in page, page
"""


async def test_the_command_signs_in_and_runs_of_another_process_use_it(tmp_path: Path, port: int) -> None:
    authority, store = Authority(), f"sqlite:///{tmp_path}/weft.db"
    (tmp_path / "go.py").write_text(GO)
    environment = {**os.environ, "BROWSER": f"{sys.executable} {tmp_path}/go.py %s", "WEFT_SECRET_KEY": KEY}
    async with protected(authority) as url:
        command = python("-m", "weft", "mcp", "--sign-in", url, "--store", store, "--port", str(port))
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        _, complaints = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, complaints.decode()
        assert f"Signed in at {url}." in complaints.decode()
        assert len(authority.asked) == 1
        async with app_of(MCP(url, auth=OAuth(port=port)), store) as app:
            assert await told(app) == "forty-two"
        assert len(authority.asked) == 1, "nobody was asked again"


async def test_the_command_says_why_nobody_could_sign_in(tmp_path: Path, port: int) -> None:
    command = python("-m", "weft", "mcp", "--sign-in", f"http://127.0.0.1:{port}/mcp")
    process = await asyncio.create_subprocess_exec(
        *command, "--store", f"sqlite:///{tmp_path}/weft.db", cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, complaints = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert "nobody could sign in" in complaints.decode()
