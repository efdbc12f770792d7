"""One call of a tool: within its time, and with every failure as words for the model."""

import asyncio
from typing import Any, cast

from weft.engine.context import Context
from weft.errors import Cancelled, Fenced, LimitExceeded, ToolError, ToolFailed
from weft.messages import Json
from weft.tools.base import Returned, Tool
from weft.tools.results import returned

LONGEST = 2000
"""Characters of an error that reach the model."""

_PANIC = "PanicException"
"""What a library that is written in Rust raises where it panics (``pyo3_runtime``): no ``Exception``."""

PASSES = (ToolError, Cancelled, Fenced, LimitExceeded)
"""What passes through a tool unchanged: it is in the right form already, or the run is not the tool's to save."""


async def run_tool(tool: Tool, arguments: Json, ctx: Context[Any]) -> Returned:
    """Call the tool and wait, for as long as it may take.

    A tool that blocks in a thread is given up when its time is over; one that is async is cancelled.

    Raises:
        ToolRetry: the arguments are wrong.
        ToolFailed: it raised, took too long, or returned what has no JSON form.
    """
    scope = asyncio.timeout(tool.timeout)
    try:
        async with scope:
            value: Any = await tool.call(arguments, ctx)
    except TimeoutError as error:
        if scope.expired():
            raise Broke(f"{tool.name} took longer than {tool.timeout:g} s") from error
        raise failure(error) from error
    except PASSES:
        raise
    except BaseException as error:
        if is_its_own(error):
            raise failure(error) from error
        raise
    return returned(value)


def is_its_own(error: BaseException) -> bool:
    """Whether it is a failure of the tool, and not for us: a signal of the engine, an interrupt, our own cancellation.

    >>> is_its_own(ValueError()), is_its_own(SystemExit(3)), is_its_own(KeyboardInterrupt())
    (True, True, False)
    """
    if isinstance(error, asyncio.CancelledError):  # perhaps of a task that the tool waited for
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return isinstance(error, Exception | SystemExit) or type(error).__name__ == _PANIC


class Broke(ToolFailed):
    """The tool did not say itself that it failed: it raised something else, or its time was over.

    What it had done by then nobody knows.
    """


def failure(error: BaseException) -> Broke:
    """An exception of a tool's own, in words.

    >>> failure(KeyError("city"))
    Broke("KeyError: 'city'")
    """
    words = _words(error)
    return Broke(words if len(words) <= LONGEST else words[: LONGEST - 1] + "…")


def _words(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return "; ".join(map(_words, inner))
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
