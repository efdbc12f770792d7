"""``Browser``: pages in a real browser, for an agent: open, read, click, type, look. Needs the extra ``browser``."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from weft.engine.context import Context
from weft.errors import AccessDenied, NotFound, ToolFailed, ToolRetry, UsageError
from weft.messages import Media
from weft.security.addresses import Lookup, Reach
from weft.storage.base import ENDED, Scope, Store
from weft.tools.base import Approval, Returned, Tool
from weft.tools.builtin.api import reads
from weft.tools.builtin.browser_session import Session, Way
from weft.tools.function import tool
from weft.tools.gate import REFUSED, Gate
from weft.tools.run import Broke

Per: TypeAlias = Literal["run", "thread"]
_REF = re.compile(r"(f\d+)?e\d+")
_LONGEST = 1_000_000
"""Characters of a page."""
_PATIENCE = 5_000
"""Milliseconds that an element may take to be there, and a page to be loaded after it was clicked."""


class Browser:
    """``browser_open``, ``browser_read``, ``browser_look`` and ``browser_close``; with ``act`` also ``browser_click``,
    ``browser_type`` and ``browser_press``.

    Each run, or each thread (``per``), has a browser of its own, with no cookies at first. It is closed when the run
    has ended (not while it waits for an answer) or the thread was deleted, after ``idle`` seconds without a call, and
    with the event loop. Pages, and all that they load, come from public addresses, and from the hosts, ``host:port``
    and networks in ``allow``. ``most`` browsers are open at a time. ``executable`` is a Chromium, if not the system's;
    ``sandbox`` is Chromium's own, which is on unless the user is root, for whom it has none.

    Raises:
        UsageError: ``per`` is neither.
    """

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        act: bool = True,
        approval: Approval = False,
        per: Per = "run",
        seconds: float = 30.0,
        idle: float = 300.0,
        most: int = 8,
        executable: str | None = None,
        sandbox: bool | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        if per not in ("run", "thread"):
            raise UsageError("a browser is there per='run' or per='thread'")
        self._reach = Reach(allow)
        self._way = Way(
            reach=self._reach, seconds=seconds, idle=idle, executable=executable, sandbox=sandbox, lookup=lookup
        )
        self._act, self._approval, self._per, self._most = act, approval, per, most
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, ...], Session]] = WeakKeyDictionary()
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"Browser(per={self._per!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            timeout = 2 * self._way.seconds + 90
            opens = [tool(each, effect="idempotent", timeout=timeout).tool for each in self._opening()]
            told: Any = {"effect": "once", "approval": self._approval, "timeout": timeout}
            acts = [tool(each, **told).tool for each in self._acting()] if self._act else []
            self._made = [*opens, *reads(timeout, self.browser_read, self.browser_look), *acts]
        return self._made

    def _opening(self) -> tuple[Callable[..., Any], ...]:
        return self.browser_open, self.browser_close

    def _acting(self) -> tuple[Callable[..., Any], ...]:
        return self.browser_click, self.browser_type, self.browser_press

    async def close(self) -> None:
        """End all browsers of this event loop."""
        mine = self._open.pop(asyncio.get_running_loop(), {})
        for session in mine.values():
            session.close()
        await asyncio.gather(*(session.owner for session in mine.values()), return_exceptions=True)

    async def browser_open(self, url: str, ctx: Context[Any]) -> str:
        """Open a page of the web in the browser. You get its address, title, and elements with their refs.

        Args:
            url: The whole address, beginning with https:// or http://.
        """
        try:
            self._reach.url(url)
        except AccessDenied as error:
            raise ToolFailed(str(error)) from None
        async with self._page(ctx, fresh=True) as (page, gate):
            gate.refused.clear()
            try:
                answer = await page.goto(url, wait_until="domcontentloaded")
            except Exception as error:
                await _left(page)
                words = _why(gate, url) if "ERR_TUNNEL" in str(error) else ""
                raise ToolFailed(words or f"{url} cannot be opened: {_words(error)}") from None
            if answer is not None and REFUSED in answer.headers:
                await _left(page)
                raise ToolFailed(_why(gate, answer.url))
            status = f" (status {answer.status})" if answer is not None and answer.status >= 400 else ""
            return await _seen(page, gate, status)

    async def browser_read(self, ctx: Context[Any], form: Literal["elements", "text"] = "elements") -> str:
        """Read the page that is open.

        Args:
            form: "elements": what there is, with refs to click and type; "text": only the words, for long texts.
        """
        async with self._page(ctx) as (page, gate):
            if form == "elements":
                return await _seen(page, gate)
            from weft.documents.readable import title_and_text  # noqa: PLC0415

            title, text = title_and_text((await page.content())[: 5 * _LONGEST])
            return f"{page.url}\n{title}\n\n{text[:_LONGEST]}"

    async def browser_look(self, ctx: Context[Any], whole: bool = False) -> Returned:
        """Take a picture of the page that is open.

        Args:
            whole: The whole page, not only what is to be seen of it without scrolling.
        """
        async with self._page(ctx) as (page, _):
            picture = await page.screenshot(full_page=whole, type="png")
            if len(picture) > 4_000_000:
                picture = await page.screenshot(full_page=False, type="png")
            return Returned(content=page.url, media=(Media(mime="image/png", data=picture, name="page.png"),))

    async def browser_click(self, ref: str, ctx: Context[Any]) -> str:
        """Click on an element of the page that is open. You get the page as it is then.

        Args:
            ref: Of the element, as the page was read last, such as "e12".
        """
        async with self._page(ctx, acts=True) as (page, gate):
            async with self._element(page, ref) as element:
                await element.click(trial=True, timeout=_PATIENCE)
            return await _acted(page, gate, element.click)

    async def browser_type(self, ref: str, text: str, ctx: Context[Any], enter: bool = False) -> str:
        """Write into a field of the page that is open, in place of what is there, or choose an option of a list.

        Args:
            ref: Of the field, as the page was read last, such as "e12".
            text: What to write, or the option to choose.
            enter: Whether to press Enter then, which sends most forms.
        """
        async with self._page(ctx, acts=True) as (page, gate):
            async with self._element(page, ref) as element:
                if await element.evaluate("element => element.tagName", timeout=_PATIENCE) == "SELECT":
                    await element.select_option(text, timeout=_PATIENCE)
                else:
                    await element.fill(text, timeout=_PATIENCE)
            return await _acted(page, gate, partial(element.press, "Enter") if enter else _nothing)

    async def browser_press(
        self,
        key: Literal["Enter", "Tab", "Escape", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Backspace", "Back"],
        ctx: Context[Any],
    ) -> str:
        """Press a key on the page that is open, or the browser's own Back.

        Args:
            key: Which.
        """
        async with self._page(ctx, acts=True) as (page, gate):
            back = partial(page.go_back, wait_until="domcontentloaded")
            return await _acted(page, gate, back if key == "Back" else partial(page.keyboard.press, key))

    async def browser_close(self, ctx: Context[Any]) -> str:
        """Close the browser, with all pages and what sites keep in it."""
        session = self._sessions().pop(self._key(ctx), None)
        if session is None or session.over:
            return "There was none open."
        session.close()
        await asyncio.wait({session.owner}, timeout=10)
        return "It is closed."

    # Which browser it is

    def _sessions(self) -> dict[tuple[str, ...], Session]:
        mine = self._open.setdefault(asyncio.get_running_loop(), {})
        for key in [key for key, session in mine.items() if session.over]:
            del mine[key]
        return mine

    def _key(self, ctx: Context[Any]) -> tuple[str, ...]:
        run = ctx.run
        return (run.workspace, run.user_id, run.thread_id if self._per == "thread" else run.id)

    @asynccontextmanager
    async def _page(
        self, ctx: Context[Any], *, fresh: bool = False, acts: bool = False
    ) -> AsyncGenerator[tuple[Any, Gate]]:
        """Raises: ToolRetry (none is open), ToolFailed; Broke where something may have been done (``acts``)."""
        sessions, key = self._sessions(), self._key(ctx)
        if key not in sessions:
            if not fresh:
                raise ToolRetry("no page is open: browser_open first")
            if len(sessions) >= self._most:
                raise ToolFailed(f"{self._most} browsers are open here already: try again later")
            sessions[key] = Session(self._way, _ending(ctx, self._per))
        try:
            async with sessions[key].page(fresh=fresh) as (page, gate):
                if page is None:
                    raise ToolRetry("no page is open: browser_open first")
                yield page, gate
        except TimeoutError as error:
            raise (Broke if acts else ToolFailed)(str(error)) from None
        except Exception as error:
            if not _foreign(error):
                raise
            raise (Broke if acts else ToolFailed)(f"the browser says: {_words(error)}") from None

    @asynccontextmanager
    async def _element(self, page: Any, ref: str) -> AsyncGenerator[Any]:
        """What goes wrong in there, before something was done, is for the model to mend."""
        if not _REF.fullmatch(ref):
            raise ToolRetry(f"{ref!r} is no ref; they are like e12")
        element = page.get_by_ref(ref)
        try:
            if await element.count() != 1:
                raise ToolRetry(f"there is no {ref} on the page as it is now: read it again")
            yield element
        except Exception as error:
            if not _foreign(error):
                raise
            raise ToolRetry(f"{ref} cannot be used: {_words(error)}") from None


def _ending(ctx: Context[Any], per: str) -> Callable[[], Awaitable[bool]]:
    """A function that says whether the run has ended, or the thread is gone; of what nobody keeps, nobody knows."""
    store: Store | None = ctx.run.store
    scope, run, thread = Scope(ctx.run.workspace, ctx.run.user_id), ctx.run.id, ctx.run.thread_id

    async def ended() -> bool:
        if store is None:
            return False
        try:
            if per == "thread":
                await store.threads.get(scope, thread)
                return False
            return (await store.runs.get(scope, run)).status in ENDED
        except NotFound:
            return True

    return ended


def _why(gate: Gate, url: str) -> str:
    """Why the gate refused this page, or what it led to; the browser asks for hosts of its own too."""
    host = urlsplit(url).hostname or ""
    named = [words for words in gate.refused if host in words]
    return (named or list(gate.refused) or [f"{url} may not be reached"])[-1]


async def _left(page: Any) -> None:
    """No page of an error stays open: it may still be on its way, and come in the way of the next one."""
    with suppress(Exception):
        await page.close()


async def _acted(page: Any, gate: Gate, act: Callable[[], Awaitable[Any]]) -> str:
    """The page after something was done to it, perhaps another one that it opened.

    Raises:
        Broke: it was begun, and nobody knows what it did.
    """
    try:
        async with _windows(page) as opened:
            await act()
            late = not await opened()
    except Exception as error:
        if not _foreign(error):
            raise
        raise Broke(f"it may have been done: {_words(error)}") from error
    try:
        pages = [each for each in page.context.pages if not each.is_closed()]
        page = pages[-1] if pages else page
        with suppress(Exception):  # a page that goes on loading is shown as it is
            await page.wait_for_load_state("load", timeout=_PATIENCE)
        return await _seen(page, gate, " (a page that it opens is not there yet: read again)" if late else "")
    except Exception as error:
        if not _foreign(error):
            raise
        return f"It was done, but the page cannot be read now: {_words(error)}"


async def _nothing() -> None:
    """What was typed is done already; a script may have seen it."""


@asynccontextmanager
async def _windows(page: Any) -> AsyncGenerator[Callable[[], Awaitable[bool]]]:
    """What is done in there may open pages; the function waits for them, and says whether they are there.

    Chromium tells at once that a page will be opened. Playwright knows it only when its server has answered.
    """
    context, announced, there = page.context, 0, 0
    moved = asyncio.Event()

    def soon(_: Any) -> None:
        nonlocal announced
        announced += 1

    def now(_: Any) -> None:
        nonlocal there
        there += 1
        moved.set()

    async def opened() -> bool:
        await asyncio.sleep(0.1)  # for what a script does after the event that we made
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE / 1000):
                while there < announced:
                    moved.clear()
                    await moved.wait()
        return there >= announced

    told = await context.new_cdp_session(page)
    told.on("Page.windowOpen", soon)
    context.on("page", now)
    try:
        await told.send("Page.enable")
        yield opened
    finally:
        context.remove_listener("page", now)
        with suppress(Exception):  # of a page that was closed it ended by itself, and one that hangs is closed
            async with asyncio.timeout(1):
                await told.detach()


async def _seen(page: Any, gate: Gate, status: str = "") -> str:
    """Where the page is from, and what is on it."""
    elements = await page.aria_snapshot(mode="ai")
    refused = sorted(set(gate.refused))
    gate.refused.clear()
    notes = "".join(f"\n[not loaded: {each}]" for each in refused[:5])
    return f"{page.url}{status}\n{await page.title()}{notes}\n\n{elements[:_LONGEST] or '(nothing is on it)'}"


def _foreign(error: Exception) -> bool:
    """Whether Playwright raised it."""
    return type(error).__module__.startswith("playwright.")


def _words(error: Exception) -> str:
    return str(error).partition("\n")[0].partition("Call log")[0].strip()[:500]
