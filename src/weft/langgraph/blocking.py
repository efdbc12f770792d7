"""The event loop behind the verbs without ``a``: one thread for the process, begun when the first of them is used."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cache, partial
from typing import Any, TypeVar

T = TypeVar("T")


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The loop, running in its own thread until the process ends."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, name="weft-langgraph", daemon=True).start()
    return made


def _here() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def wait(work: Coroutine[Any, Any, T], *, on: asyncio.AbstractEventLoop | None = None) -> T:
    """The result of ``work``, done in the loop ``on`` (by default our own) while this thread waits.

    Called from that very loop, which would wait for itself, it is done in another one.
    """
    if _here() is (on or loop()):
        return _elsewhere(work)
    future: Future[T] = asyncio.run_coroutine_threadsafe(work, on or loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _elsewhere(work: Coroutine[Any, Any, T]) -> T:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, asyncio.run, work).result()


@cache
def _threads() -> ThreadPoolExecutor:
    """As many as there is need for: one of them may wait for others."""
    return ThreadPoolExecutor(4096, "weft-langgraph-node")


async def in_thread(call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """A plain function, beside the loop and in the context of its caller."""
    bound = partial(copy_context().run, call, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads(), bound)
