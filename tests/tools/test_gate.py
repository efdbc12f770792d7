"""The proxy of browsers, spoken to as browsers speak to it: what it lets through, and what it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.tools.loopback import Asked, Loopback, loopback
from weft.security.addresses import Reach
from weft.tools.gate import Gate


@pytest.fixture
async def here() -> AsyncIterator[Loopback]:
    def echo(asked: Asked) -> web.Response:
        return web.Response(text=f"{asked.method} {asked.body} {asked.headers.get('Connection')}")

    async with loopback({"GET /page": echo, "POST /page": echo, "HEAD /page": echo}) as running:
        yield running


async def names(host: str, port: int) -> list[str]:
    return {"site.example": ["127.0.0.1"], "mixed.example": ["1.1.1.1", "127.0.0.1"]}.get(host, [host])


@asynccontextmanager
async def gate(*allow: str) -> AsyncIterator[Gate]:
    async with Gate(Reach(allow), lookup=names, seconds=2) as opened:
        yield opened


async def said(opened: Gate, request: str) -> str:
    """All that comes back on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", opened.port)
    writer.write(request.replace("\n", "\r\n").encode())
    try:
        async with asyncio.timeout(5):
            return (await reader.read(-1)).decode()
    finally:
        writer.close()


async def test_requests_and_tunnels(here: Loopback) -> None:
    at = f"127.0.0.1:{here.port}"
    async with gate(at, "site.example") as opened:
        got = await said(opened, f"GET http://{at}/page?a=1 HTTP/1.1\nHost: {at}\nProxy-Connection: keep-alive\n\n")
        assert got.startswith("HTTP/1.1 200")
        assert got.endswith("\r\n\r\nGET  close")
        assert "connection: close" in got
        assert here.asked[0].query == {"a": "1"}
        assert "Proxy-Connection" not in here.asked[0].headers
        posted = f"POST http://site.example:{here.port}/page HTTP/1.1\nHost: x\nContent-Length: 3\n\nabcGET /more"
        assert (await said(opened, posted)).endswith("POST abc close")
        assert (await said(opened, f"HEAD http://{at}/page HTTP/1.1\nHost: x\n\n")).endswith("\r\n\r\n")
        tunnel = f"CONNECT {at} HTTP/1.1\nHost: x\n\nGET /page HTTP/1.1\nHost: x\nConnection: close\n\n"
        assert (await said(opened, tunnel)).endswith("GET  close")
        assert opened.refused == type(opened.refused)()


@pytest.mark.parametrize(
    "target",
    ["localhost:{port}", "127.0.0.1:{port}", "2130706433:{port}", "[::1]:{port}", "[::ffff:127.0.0.1]:{port}",
     "site.example:{port}", "mixed.example:{port}", "169.254.169.254:80", "0.0.0.0:{port}"],
)  # fmt: skip
async def test_where_it_does_not_lead(target: str, here: Loopback) -> None:
    target = target.format(port=here.port)
    async with gate() as opened:
        for request in (f"CONNECT {target} HTTP/1.1\n\n", f"GET http://{target}/page HTTP/1.1\nHost: a.example\n\n"):
            got = await said(opened, request)
            assert got.startswith(("HTTP/1.1 403", "HTTP/1.1 502")), got
            assert "x-weft-refused" in got
        assert here.asked == []


async def test_what_it_does_not_understand(here: Loopback) -> None:
    at = f"127.0.0.1:{here.port}"
    async with gate(at) as opened:
        for request in (
            "nonsense\n\n",
            "GET / HTTP/1.1\n\n",
            f"POST http://{at}/page HTTP/1.1\nTransfer-Encoding: chunked\n\n0\n\n",
            f"POST http://{at}/page HTTP/1.1\nContent-Length: many\n\n",
            f"GET https://{at}/page HTTP/1.1\n\n",
            f"GET file:///etc/passwd HTTP/1.1\nHost: {at}\n\n",
            f"GET http://{at}/{'x' * 70_000} HTTP/1.1\n\n",
        ):
            assert (await said(opened, request)).startswith(("HTTP/1.1 400", "HTTP/1.1 403")), request[:50]
        assert (await said(opened, "GET http://127.0.0.1:9/ HTTP/1.1\n\n")).startswith("HTTP/1.1 403")
    async with gate("127.0.0.1:9") as opened:
        assert (await said(opened, "CONNECT 127.0.0.1:9 HTTP/1.1\n\n")).startswith("HTTP/1.1 502")
    assert here.asked == []
