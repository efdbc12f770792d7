"""A web site on this machine, for tools that fetch and search: the shapes are those of the real services."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

PAGE = """<!doctype html><html><head><title> The  Page </title><style>p{}</style></head><body>
<nav>Menu <a href="/x">Home</a></nav><article><h1>Heading</h1><p>One <b>two</b>
three &amp; four.</p><ul><li>first<li>second</ul><table><tr><td>a</td><td>b</td></tr></table>
<script>alert(1)</script><a href="https://example.com/more">More</a></article></body></html>"""

DUCK = """<div class="result results_links results_links_deep result--ad"><h2><a rel="nofollow" class="result__a"
href="//duckduckgo.com/y.js?ad=1">Buy</a></h2></div>
<div class="result results_links web-result "><div><h2 class="result__title">
<a rel="nofollow" class="result__a" href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.com%2Fa%3Fb%3D1&amp;rut=9">An
<b>example</b></a></h2>
<a class="result__snippet" href="//duckduckgo.com/l/?uddg=x">Some &amp; <b>words</b></a></div></div>"""


class Site:
    """What was asked, and where it listens."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.asked.append((request.method, request.path_qs, dict(request.headers), body))
        if request.path in ("/away", "/round"):
            raise web.HTTPFound(request.query.get("to", "/round"))
        if request.path == "/slow":
            await asyncio.sleep(5)
        made = ANSWERS.get((request.method, request.path)) or ANSWERS.get(("", request.path))
        return made() if made else web.Response(status=404, text=json.dumps({"error": "nothing here"}))


FOUND = [{"title": "A <b>b</b>", "url": "https://example.com/a", "content": "c &amp; d", "score": 0.9}]
BRAVE = [{"title": "A", "url": "https://example.com/a", "description": "c <strong>d</strong>"}]
PACKED = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
LATIN = {"Content-Type": "text/plain; charset=latin-1"}
ANSWERS: dict[tuple[str, str], Any] = {
    ("", "/page"): lambda: web.Response(text=PAGE, content_type="text/html"),
    ("", "/latin"): lambda: web.Response(body="Käse".encode("latin-1"), headers=LATIN),
    ("", "/json"): lambda: web.json_response({"a": [1, 2]}),
    ("", "/picture"): lambda: web.Response(body=b"\x89PNG\r\n\x1a\n", content_type="image/png"),
    ("", "/zip"): lambda: web.Response(body=b"PK", content_type="application/zip"),
    ("", "/large"): lambda: web.Response(text="x" * 300_000),
    ("", "/bomb"): lambda: web.Response(body=gzip.compress(b"0" * 50_000_000), headers=PACKED),
    ("GET", "/search"): lambda: web.json_response({"query": "x", "results": FOUND, "answers": []}),
    ("POST", "/search"): lambda: web.json_response({"query": "x", "results": FOUND, "response_time": 1.0}),
    ("", "/res/v1/web/search"): lambda: web.json_response({"web": {"type": "search", "results": BRAVE}}),
    ("", "/html/"): lambda: web.Response(text=DUCK, content_type="text/html"),
}


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    here = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", here.answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    here.port = server.port or 0
    try:
        yield here
    finally:
        await server.close()
