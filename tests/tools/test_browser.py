"""A real Chromium on a real site on this machine, with another one beside it that it must never reach."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiohttp import web

from tests.tools.loopback import Asked, Loopback, call, loopback
from weft import Agent, App
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.models.scripted import Scripted
from weft.models.scripted import call as asks
from weft.tools.builtin.browser import Browser

pytestmark = [
    pytest.mark.skipif(shutil.which("chromium") is None and os.environ.get("CI") != "true", reason="no chromium"),
    pytest.mark.blocks,  # Playwright is imported, and its driver started
]

FRONT = """<title>Front</title><h1>Shop</h1><a href="/tea">Tea</a> <a href="/new" target="_blank">New</a>
<form action="/order" method="post"><label>Name <input name="name"></label>
<label>Size <select name="size"><option>small<option>large</select></label><button>Order</button></form>
<p id="made"></p><script>document.cookie = "seen=1"; made.textContent = "made by a script"</script>"""
INSIDE = """<title>Trap</title><p id="p">trap</p><img src="{inside}/img"><iframe src="{inside}/frame"></iframe>
<link rel="stylesheet" href="{inside}/css"><script src="{inside}/js"></script><object data="{inside}/object"></object>
<script>
setTimeout(() => p.textContent = "tried", 500);
fetch("{inside}/fetch", {{mode: "no-cors"}}).catch(() => 0);
new WebSocket("{ws}/socket");
navigator.sendBeacon("{inside}/beacon", "x");
const worker = new Blob([`fetch("{inside}/worker", {{mode: "no-cors"}})`]);
new Worker(URL.createObjectURL(worker));
const peer = new RTCPeerConnection({{iceServers: [{{urls: "stun:" + new URL("{inside}").host}}]}});
peer.createDataChannel("x");
peer.setLocalDescription();
</script>"""


def page(text: str) -> web.Response:
    return web.Response(text=f"<!doctype html><html><body>{text}</body></html>", content_type="text/html")


def site(inside: str) -> dict[str, Any]:
    def order(asked: Asked) -> web.Response:
        return page(f"<title>Ordered</title>Thanks: {asked.body}, {asked.headers.get('Cookie')}")

    def hops(asked: Asked) -> web.Response:
        return web.Response(status=302, headers={"Location": asked.query["to"]})

    async def slow(asked: Asked) -> web.Response:
        await asyncio.sleep(8 if asked.path == "/slower" else 1)
        return page("<title>Slow</title>At last.")

    trap = INSIDE.format(inside=inside, ws=inside.replace("http", "ws"))
    return {
        "GET /": lambda _: page(FRONT),
        "GET /tea": lambda _: page("<title>Tea</title><main><h1>Green tea</h1><p>Two euros.</p></main>"),
        "GET /new": lambda _: page("<title>New</title>All is new."),
        "POST /order": order,
        "GET /hops": hops,
        "GET /trap": lambda _: page(trap),
        "GET /jump": lambda _: page(f"<script>location = '{inside}/jump'</script>"),
        "GET /file": lambda _: page('<a href="file:///etc/passwd">File</a>'),
        "GET /doors": lambda _: page(
            """<title>Doors</title><button onclick="window.open('/slow')">Slow</button>"""
            """<button onclick="window.open('/slower')">Longer</button>"""
            """<button onclick="for (const to of ['/new', '/tea']) window.open(to)">Two</button>"""
        ),
        "GET /slow": slow,
        "GET /slower": slow,
        "GET /busy": lambda _: page("<p>x</p><button onclick='for(;;);'>Hang</button>"),
        "GET /gone": lambda _: web.Response(status=404, text="nothing"),
    }


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Browsers of this test can be told from those of others; a socket's path must be short."""
    with tempfile.TemporaryDirectory(prefix="wb", ignore_cleanup_errors=True) as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture
async def inside() -> AsyncIterator[Loopback]:
    async with loopback({}) as running:
        yield running


@pytest.fixture
async def here(inside: Loopback) -> AsyncIterator[Loopback]:
    async with loopback(site(inside.url)) as running:
        yield running


@pytest.fixture
async def browser(here: Loopback) -> AsyncIterator[Browser]:
    made = Browser(allow=[f"127.0.0.1:{here.port}"], seconds=20)
    yield made
    await made.close()
    assert browsers() == []


class Datagrams(asyncio.DatagramProtocol):
    heard = 0

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard += 1


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For what is temporary, of this test alone: others may have browsers at the same time."""
    with tempfile.TemporaryDirectory(prefix="w") as made:
        monkeypatch.setattr(tempfile, "tempdir", made)
        yield


def browsers() -> list[int]:
    """Chromium processes that tools of this test have started: each has a home of its own."""
    found: list[int] = []
    home = f"HOME={tempfile.gettempdir()}/weft-browser-".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if home in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def ref_of(seen: str, words: str) -> str:
    (line,) = [line for line in seen.splitlines() if words in line and "[ref=" in line]
    return line.partition("[ref=")[2].partition("]")[0]


async def test_a_visit(browser: Browser, here: Loopback, ctx: Context[Any]) -> None:
    async def do(name: str, **arguments: Any) -> str:
        return (await call(browser, f"browser_{name}", ctx, **arguments)).content

    with pytest.raises(ToolRetry, match="no page is open"):
        await do("read")
    seen = await do("open", url=here.url)
    assert seen.startswith(f"{here.url}/\nFront\n\n")
    assert 'heading "Shop"' in seen
    assert "made by a script" in seen
    assert {asked.path for asked in here.asked} <= {"/", "/favicon.ico"}
    await do("type", ref=ref_of(seen, 'textbox "Name"'), text="Ada & Co")
    seen = await do("type", ref=ref_of(seen, 'combobox "Size"'), text="large")
    ordered = await do("click", ref=ref_of(seen, 'button "Order"'))
    assert ordered.startswith(f"{here.url}/order\nOrdered\n\n")
    assert "Thanks: name=Ada+%26+Co&size=large, seen=1" in ordered
    assert [asked.method for asked in here.asked].count("POST") == 1
    seen = await do("press", key="Back")
    tea = await do("click", ref=ref_of(seen, 'link "Tea"'))
    assert tea.startswith(f"{here.url}/tea\nTea\n")
    assert await do("read", form="text") == f"{here.url}/tea\nTea\n\n# Green tea\n\nTwo euros."
    with pytest.raises(ToolRetry, match="there is no e999 on the page"):
        await do("click", ref="e999")
    with pytest.raises(ToolRetry, match="is no ref"):
        await do("click", ref="body >> nth=0")
    seen = await do("open", url=here.url)
    assert (await do("click", ref=ref_of(seen, 'link "New"'))).startswith(f"{here.url}/new\nNew")
    (picture,) = (await call(browser, "browser_look", ctx)).media
    assert (picture.mime, (picture.data or b"")[:4]) == ("image/png", b"\x89PNG")
    assert "(status 404)" in await do("open", url=f"{here.url}/gone")
    effects = {each.name: each.effect for each in await browser.tools(ctx)}
    assert effects["browser_click"] == effects["browser_type"] == "once"
    assert (effects["browser_open"], effects["browser_read"]) == ("idempotent", "read")
    assert await do("close") == "It is closed."
    assert browsers() == []


async def test_pages_that_a_page_opens(browser: Browser, here: Loopback, ctx: Context[Any]) -> None:
    """However long their server thinks; where it is too long, that is said."""

    async def do(name: str, **arguments: Any) -> str:
        return (await call(browser, f"browser_{name}", ctx, **arguments)).content

    seen = await do("open", url=f"{here.url}/doors")
    slow = await do("click", ref=ref_of(seen, 'button "Slow"'))
    assert slow.startswith(f"{here.url}/slow\nSlow\n")
    assert "At last." in slow
    seen = await do("open", url=f"{here.url}/doors")
    last = await do("click", ref=ref_of(seen, 'button "Two"'))
    assert last.startswith((f"{here.url}/tea\n", f"{here.url}/new\n"))
    seen = await do("open", url=f"{here.url}/doors")
    asked = time.monotonic()
    late = await do("click", ref=ref_of(seen, 'button "Longer"'))
    assert late.startswith(f"{here.url}/doors (a page that it opens is not there yet: read again)\nDoors\n")
    assert 5 <= time.monotonic() - asked < 9
    await asyncio.sleep(5)
    assert (await do("read")).startswith(f"{here.url}/slower\nSlow\n")


async def test_what_is_not_reached(browser: Browser, here: Loopback, inside: Loopback, ctx: Context[Any]) -> None:
    """Addresses, redirects, everything that a page loads or sends, by TCP or UDP, and scripts that go elsewhere."""
    datagrams = Datagrams()
    udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: datagrams, local_addr=("127.0.0.1", inside.port)
    )

    async def opened(url: str) -> str:
        return (await call(browser, "browser_open", ctx, url=url)).content

    for url in (f"{inside.url}/", "file:///etc/passwd", "chrome://version", "javascript:1", "http://169.254.169.254/"):
        with pytest.raises(ToolFailed, match=r"may not be reached|only http"):
            await opened(url)
    for url in (f"http://localhost:{inside.port}/", f"http://[::1]:{inside.port}/", f"http://127.1:{inside.port}/"):
        with pytest.raises(ToolFailed, match=r"may not be reached|only http|cannot be opened"):
            await opened(url)
    for to in (f"{inside.url}/hop", f"http://localhost:{inside.port}/hop"):
        with pytest.raises(ToolFailed, match="may not be reached"):
            await opened(f"{here.url}/hops?to={to}")
    with pytest.raises(ToolFailed):
        await opened(f"{here.url}/hops?to=file:///etc/passwd")
    seen = await opened(f"{here.url}/trap")
    await asyncio.sleep(1.5)
    seen += (await call(browser, "browser_read", ctx)).content
    assert "tried" in seen
    assert "[not loaded: " in seen
    await opened(f"{here.url}/jump")
    await asyncio.sleep(0.5)
    assert "root:" not in (await call(browser, "browser_read", ctx)).content
    seen = await opened(f"{here.url}/file")
    assert "root:" not in (await call(browser, "browser_click", ctx, ref=ref_of(seen, 'link "File"'))).content
    udp.close()
    assert inside.asked == []
    assert datagrams.heard == 0
    assert any(asked.path == "/trap" for asked in here.asked)


async def test_names(here: Loopback, inside: Loopback, ctx: Context[Any]) -> None:
    """What is allowed by name may lead inside; what is not may not, whatever it led to a moment ago."""
    looked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        looked.append(host)
        return ["127.0.0.1"]

    browser = Browser(allow=["shop.example"], lookup=lookup, seconds=20)
    try:
        seen = (await call(browser, "browser_open", ctx, url=f"http://shop.example:{here.port}/tea")).content
        assert "Green tea" in seen
        with pytest.raises(ToolFailed, match=r"evil\.example:\d+ may not be reached: 127\.0\.0\.1 is not a public"):
            await call(browser, "browser_open", ctx, url=f"http://evil.example:{inside.port}/")
        assert inside.asked == []
        assert {"shop.example", "evil.example"} <= set(looked)
    finally:
        await browser.close()


async def test_a_page_that_hangs(here: Loopback, ctx: Context[Any]) -> None:
    browser = Browser(allow=["127.0.0.0/8"], seconds=2)
    try:
        seen = (await call(browser, "browser_open", ctx, url=f"{here.url}/busy")).content
        with pytest.raises(ToolFailed, match=r"may have been done|no answer of the page"):
            await call(browser, "browser_click", ctx, ref=ref_of(seen, 'button "Hang"'))
    finally:
        await browser.close()
    assert browsers() == []


async def test_it_is_there_as_long_as_its_run(here: Loopback, tmp_path: Path) -> None:
    """It waits with the run for an answer, on the same page, and is closed when the run has ended."""
    browser = Browser(allow=[f"127.0.0.1:{here.port}"], approval=lambda arguments: True, seconds=20, most=1)
    lines = [asks("browser_open", url=here.url), asks("browser_press", key="Tab"), "Done."]
    agent = Agent("surfer", model=Scripted(lines, order="turn"), tools=[browser])
    async with App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db") as app:
        run = await app.run(agent, "Look around")
        (question,) = run.questions
        await asyncio.sleep(2.5)  # longer than between two looks at the run
        assert browsers()
        run = await app.resume(run.run_id, {question.id: question.approve()})
        assert run.output == "Done."
        results = [part for message in run.messages for part in message.tool_results]
        assert [(part.failed, part.trusted) for part in results] == [(False, False)] * len(results)
        assert "Front" in results[-1].content
        for _ in range(100):
            await asyncio.sleep(0.1)
            if not browsers():
                break
        assert browsers() == []
    await browser.close()


def test_it_ends_with_the_event_loop() -> None:
    """A program that runs an agent once, and closes nothing."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        at = f"127.0.0.1:{server.server_address[1]}"
        lines = [asks("browser_open", url=f"http://{at}/nothing-here"), "Done."]
        run = Agent("surfer", model=Scripted(lines, order="turn"), tools=[Browser(allow=[at])]).run_sync("Look")
        server.shutdown()
    assert "(status 404)" in run.messages[-2].tool_results[0].content
    until = time.monotonic() + 10
    while browsers() and time.monotonic() < until:
        time.sleep(0.05)
    assert browsers() == []


async def test_what_cannot_be(ctx: Context[Any], here: Loopback) -> None:
    with pytest.raises(UsageError, match="per='run'"):
        Browser(per="day")  # type: ignore[arg-type]
    nothing = Browser(allow=["127.0.0.0/8"], executable="/bin/false")
    with pytest.raises(ToolFailed, match="no browser could be started"):
        await call(nothing, "browser_open", ctx, url=here.url)
    full = Browser(allow=["127.0.0.0/8"], most=0)
    with pytest.raises(ToolFailed, match="0 browsers are open here already"):
        await call(full, "browser_open", ctx, url=here.url)
    assert [each.name for each in await Browser(act=False).tools(ctx)] == [
        "browser_open", "browser_close", "browser_read", "browser_look",
    ]  # fmt: skip
    await nothing.close()
