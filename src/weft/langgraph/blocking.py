"""The event loop behind the verbs without ``a``: one thread for the process, begun when the first of them is used."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The loop, running in its own thread until the process ends."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, name="weft-langgraph", daemon=True).start()
    return made


def wait(work: Coroutine[Any, Any, T], *, on: asyncio.AbstractEventLoop | None = None) -> T:
    """The result of ``work``, done in the loop ``on`` (by default our own) while this thread waits.

    Not to be called from that loop itself.
    """
    future: Future[T] = asyncio.run_coroutine_threadsafe(work, on or loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
