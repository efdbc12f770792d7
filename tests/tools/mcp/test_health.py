"""The state of a connection tells the truth, also where nobody calls anything."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator
from typing import Any, Literal

import pytest

from tests.services import free_port
from tests.tools.mcp.test_mcp import SERVER, call, serving
from tests.warm import KILL
from weft.engine.context import Context
from weft.errors import ToolFailed
from weft.tools.mcp import MCP, close_connections
from weft.tools.mcp import connection as connections
from weft.tools.vault import vault

pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture(autouse=True)
async def closed() -> AsyncGenerator[None]:
    yield
    await close_connections()


async def until_gone(mcp: MCP) -> dict[str, Any]:
    until = time.monotonic() + 20
    while mcp.state["connected"] and time.monotonic() < until:  # noqa: ASYNC110 - whoever looks at a page has no event either
        await asyncio.sleep(0.01)
    return mcp.state


@pytest.mark.parametrize("era", ["2025", "auto"])
async def test_a_process_that_ends_while_nobody_asks_it(era: Literal["2025", "auto"], ctx: Context[Any]) -> None:
    mcp = MCP(SERVER, era=era)
    first = (await call(mcp, ctx, "pid")).content
    os.kill(int(first), signal.SIGKILL)
    state = await until_gone(mcp)
    assert (state["connected"], state["failures"]) == (False, 1)
    assert "ended the connection" in state["why"]
    assert (await call(mcp, ctx, "pid")).content != first, "nobody had to fail first"
    assert (mcp.state["connected"], mcp.state["failures"]) == (True, 0)


@pytest.mark.parametrize("era", ["2025", "2026"])
async def test_a_server_elsewhere_that_is_gone(
    era: Literal["2025", "2026"], ctx: Context[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked once in a while, and only where it was silent for as long."""
    monkeypatch.setattr(connections, "LOOK", 0.05)
    process, port = await serving()
    mcp = MCP(f"http://127.0.0.1:{port}/mcp", era=era)
    try:
        assert (await call(mcp, ctx, "add", a=1, b=2)).content == "3"
        here = connections.connection(mcp.address, vault(None, ""))
        heard, until = here.heard_at, time.monotonic() + 20
        while here.heard_at == heard and time.monotonic() < until:  # noqa: ASYNC110 - it is nobody's event
            await asyncio.sleep(0.01)
        assert here.heard_at > heard
        assert mcp.state["connected"]
    finally:
        process.send_signal(KILL)
        await process.wait()
    state = await until_gone(mcp)
    assert not state["connected"]
    assert state["why"]


async def test_a_server_elsewhere_that_began_anew(ctx: Context[Any]) -> None:
    """It knows nothing of its sessions before; nobody notices. Since 2026 there are none."""
    process, port = await serving()
    mcp = MCP(f"http://127.0.0.1:{port}/mcp", era="2025")
    try:
        first = (await call(mcp, ctx, "pid")).content
        process.send_signal(KILL)
        await process.wait()
        process, _ = await serving(port=port)
        assert (await call(mcp, ctx, "pid")).content != first
    finally:
        process.send_signal(KILL)
        await process.wait()


async def test_what_was_under_way_when_a_server_began_anew_is_not_done_again(ctx: Context[Any]) -> None:
    process, port = await serving()
    mcp = MCP(f"http://127.0.0.1:{port}/mcp", era="2025")
    try:
        await call(mcp, ctx, "pid")
        running = asyncio.create_task(call(mcp, ctx, "slow", seconds=2))
        await asyncio.sleep(0.5)
        process.send_signal(KILL)
        await process.wait()
        process, _ = await serving(port=port)
        await call(mcp, ctx, "pid")
        with pytest.raises(ToolFailed, match="whether it had an effect is unknown"):
            await running
    finally:
        process.send_signal(KILL)
        await process.wait()


async def test_a_server_that_is_not_there_is_not_waited_for_long() -> None:
    """The first failures are followed by short pauses, which a call sits out; then it is told at once."""
    mcp = MCP(f"http://127.0.0.1:{free_port()}/mcp", era="2025")
    here = connections.connection(mcp.address, vault(None, ""))
    tries = [await why_not(here) for _ in connections.PAUSES]
    waited = 1 + sum(pause <= connections.SHORT for pause in connections.PAUSES)
    assert all("cannot be reached" in why for why in tries[:waited])
    assert "it is tried again in" in tries[waited]
    assert mcp.state["failures"] == waited


async def why_not(here: connections.Connection) -> str:
    with pytest.raises(ToolFailed) as failed:
        await here.peer()
    return str(failed.value)
