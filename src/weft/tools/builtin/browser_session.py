"""One browser of a run or a thread: started when it is needed, behind a gate, and closed with what it belongs to.

The door to Playwright; imported when the first page is opened.
"""

import asyncio
import logging
import os
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

from weft.errors import ToolFailed
from weft.security.addresses import Lookup, Reach
from weft.tools.gate import Gate

_log = logging.getLogger("weft.browser")

LOOK = 2.0
"""Seconds between two looks at whether what it belongs to has ended."""
PAGES = 5
"""Pages that a browser has open; of more the oldest is closed."""
_ALONE = ("--disable-quic", "--dns-prefetch-disable", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
          "--webrtc-ip-handling-policy=disable_non_proxied_udp",
          "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")  # fmt: skip
"""Nothing goes past the proxy: no UDP, and no name is looked up by the browser itself."""
_PLACES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Way(Struct, frozen=True, kw_only=True):
    """How browsers are started, and where they may go."""

    reach: Reach
    seconds: float
    idle: float
    executable: str | None = None
    sandbox: bool | None = None
    lookup: Lookup | None = None
    size: tuple[int, int] = (1280, 800)


class Session:
    """A browser with its pages. One task opens and closes it; calls come one after the other.

    ``ended`` is asked now and then whether what it belongs to is over.
    """

    def __init__(self, way: Way, ended: Callable[[], Awaitable[bool]]) -> None:
        self._way, self._ended = way, ended
        self._ready: asyncio.Future[tuple[Any, Gate]] = asyncio.get_running_loop().create_future()
        self._ready.add_done_callback(_heard)
        self._leave, self._turn = asyncio.Event(), asyncio.Lock()
        self._used_at = time.monotonic()
        self.owner = asyncio.get_running_loop().create_task(self._own())

    @property
    def over(self) -> bool:
        return self._leave.is_set() or self.owner.done()

    @asynccontextmanager
    async def page(self, *, fresh: bool = False) -> AsyncGenerator[tuple[Any, Gate]]:
        """The page that was used last, for as long as nobody else has it; ``fresh`` makes one where there is none.

        Raises:
            ToolFailed: no browser can be started.
            TimeoutError: the page did not answer in time; then its browser is closed.
        """
        async with self._turn:
            self._used_at = time.monotonic()
            try:
                async with asyncio.timeout(self._way.seconds + 15):
                    context, gate = await asyncio.shield(self._ready)
                    pages = [page for page in context.pages if not page.is_closed()]
                    page = pages[-1] if pages else await context.new_page() if fresh else None
                    yield page, gate
            except TimeoutError:
                self.close()
                raise ToolFailed(
                    f"the page did not answer within {self._way.seconds + 15:g} s: it was closed"
                ) from None
            finally:
                self._used_at = time.monotonic()

    def close(self) -> None:
        """Let its task end it."""
        self._leave.set()

    async def _own(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                context, gate = await self._started(stack)
                context.on("page", partial(_crowded, context))
                if not self._ready.done():
                    self._ready.set_result((context, gate))
                await self._until_left()
        except Exception as error:
            _log.info("browser: %s", error)
            if not self._ready.done():
                words = str(error).partition("\n")[0] or type(error).__name__
                self._ready.set_exception(ToolFailed(f"no browser could be started: {words}"))
        finally:
            self._leave.set()
            if not self._ready.done():
                self._ready.set_exception(ToolFailed("the browser was closed"))

    async def _started(self, stack: AsyncExitStack) -> tuple[Any, Gate]:
        way = self._way
        try:
            start = await asyncio.to_thread(_door)
        except ImportError:
            raise ToolFailed("browsers need the extra weft[browser]") from None
        home = stack.enter_context(TemporaryDirectory(prefix="weft-browser-", ignore_cleanup_errors=True))
        gate = await stack.enter_async_context(Gate(way.reach, lookup=way.lookup, seconds=way.seconds))
        driver = await stack.enter_async_context(start())
        browser = await driver.chromium.launch(
            executable_path=way.executable or _found(),
            chromium_sandbox=os.geteuid() != 0 if way.sandbox is None else way.sandbox,
            args=list(_ALONE),
            env={"PATH": os.environ.get("PATH", ""), "HOME": home, "LANG": "en_US.UTF-8"},  # none of our secrets
            proxy={"server": f"http://127.0.0.1:{gate.port}", "bypass": "<-loopback>"},
            timeout=60_000,
        )
        stack.push_async_callback(_closed, browser)
        browser.on("disconnected", self._gone)
        width, height = way.size
        context = await browser.new_context(
            accept_downloads=False, service_workers="block", viewport={"width": width, "height": height}
        )
        context.set_default_timeout(way.seconds * 1000)
        return context, gate

    def _gone(self, _: Any) -> None:
        self.close()

    async def _until_left(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK):
                    await self._leave.wait()
                return
            except TimeoutError:
                if self._turn.locked():
                    continue
                if time.monotonic() - self._used_at > self._way.idle or await self._ended():
                    return


def _door() -> Any:
    from playwright.async_api import async_playwright  # noqa: PLC0415  # the extra weft[browser]; heavy

    return async_playwright


def _crowded(context: Any, _: Any) -> None:
    pages = [page for page in context.pages if not page.is_closed()]
    for page in pages[: max(0, len(pages) - PAGES)]:
        closing: asyncio.Future[None] = asyncio.ensure_future(page.close())
        closing.add_done_callback(_heard)


def _heard(done: "asyncio.Future[Any]") -> None:
    """Whatever came of it was told elsewhere."""
    _ = done.cancelled() or done.exception()


async def _closed(browser: Any) -> None:
    """Whatever it answers: its driver ends with us, and takes it along."""
    try:
        async with asyncio.timeout(5):
            await browser.close()
    except Exception as error:
        _log.info("browser: %s", error)


def _found() -> str | None:
    """The system's Chromium; where there is none, that which ``playwright install chromium`` brought."""
    return next((path for name in _PLACES if (path := shutil.which(name))), None)
