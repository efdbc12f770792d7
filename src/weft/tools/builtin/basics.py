"""Small tools: a calculator, a clock, a plan, and a question to the person behind the run."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from weft.engine.context import Context
from weft.errors import ToolRetry
from weft.events import Custom
from weft.tools.builtin.arithmetic import calculate
from weft.tools.function import tool


@tool(effect="read")
def calculator(expression: str) -> str:
    """Work out an arithmetic expression exactly.

    Args:
        expression: Such as "17 * 23" or "sqrt(2) ^ 3". Knows + - * / // % ^, brackets, pi, e and common functions.
    """
    try:
        return str(calculate(expression))
    except ValueError as error:
        raise ToolRetry(str(error)) from None


@tool(effect="read")
def clock(timezone: str = "UTC") -> str:
    """The date and time now, in a time zone.

    Args:
        timezone: An IANA name such as "Europe/Berlin", or its city; UTC if none is given.
    """
    return datetime.now(zone_of(timezone)).strftime("%A, %d %B %Y, %H:%M:%S %Z")


def zone_of(name: str) -> tzinfo:
    """The time zone of that name, or of the city that it names.

    Raises:
        ToolRetry: there is none.

    >>> zone_of("tokyo")
    zoneinfo.ZoneInfo(key='Asia/Tokyo')
    """
    wanted = name.strip().replace(" ", "_").lower()
    if wanted in ("utc", "gmt", "z"):
        return UTC
    known = sorted(available_timezones())
    found = [zone for zone in known if wanted in (zone.lower(), zone.rpartition("/")[2].lower())]
    if not found:
        raise ToolRetry(f"{name!r} is no time zone that I know; try one such as Europe/Berlin or Asia/Tokyo")
    return ZoneInfo(found[0])


@dataclass(frozen=True)
class Step:
    """One step of a plan."""

    step: str
    status: Literal["open", "doing", "done"] = "open"


_SIGNS = {"open": "[ ]", "doing": "[>]", "done": "[x]"}


@tool(effect="read")
async def plan(steps: list[Step], ctx: Context[Any]) -> str:
    """Keep a plan of a task with several steps: write it all down each time something changes.

    Args:
        steps: All steps in order. At most one is "doing".
    """
    if sum(step.status == "doing" for step in steps) > 1:
        raise ToolRetry("only one step can be doing: finish it, or set it back to open")
    ctx.emit(Custom("plan", [{"step": step.step, "status": step.status} for step in steps]))
    done = sum(step.status == "done" for step in steps)
    return "\n".join([f"{done} of {len(steps)} done", *(f"{_SIGNS[step.status]} {step.step}" for step in steps)])


@tool(effect="read", timeout=None)
async def ask_person(question: str, ctx: Context[Any], options: list[str] | None = None) -> str:
    """Ask the person you work for, when only they can know or decide. The work waits for the answer.

    Args:
        question: A whole question that can be understood by itself.
        options: Answers to choose from, if these are all there can be.
    """
    schema = {"type": "string", "minLength": 1} | ({"enum": options} if options else {})
    payload = {"question": question} | ({"options": options} if options else {})
    return str(ctx.ask(payload, schema=schema, key="person"))
