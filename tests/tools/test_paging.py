"""Results too long for a model: cut, kept whole, and read on."""

from typing import Any

import pytest

from weft import Agent, App, tool
from weft.messages import ToolResult
from weft.models.base import Request
from weft.models.scripted import Scripted, call
from weft.tools import paging

LINES = "\n".join(f"line {n:06d} of the log" for n in range(40_000))
"""920,000 characters."""


@tool(effect="read")
async def log() -> str:
    """The whole log."""
    return LINES


def results(run: Any) -> list[ToolResult]:
    return [part for message in run.messages for part in message.tool_results]


class Reader(Scripted):
    """Reads on where it is told to."""

    def answer(self, request: Request) -> Any:
        last = request.messages[-1]
        if last.role == "tool" and (mark := paging._MARK.search(last.tool_results[0].content)):
            assert request.tools[-1] is paging.READ.spec
            calls = [
                call("read_result", id=mark[1], start=800_000),
                call("read_result", id=mark[1], find="LINE 020000"),
                call("read_result", id=mark[1], find="nowhere"),
                call("read_result", id="0" * 64),
                call("read_result", id=mark[1], start="x"),
            ]
            return Scripted([calls]).answer(request)
        assert [spec.name for spec in request.tools if spec.name == "read_result"] == (
            ["read_result"] if last.role == "tool" else []
        )
        return super().answer(request)


def check(run: Any) -> None:
    first, page, found, nothing, unknown, wrong = results(run)
    assert len(first.content) < paging.LONGEST + 300
    assert first.content.endswith("line 039999 of the log")
    assert page.content.startswith("[characters 800000 to 820000 of 919999; go on with start=820000]\n")
    assert page.content.endswith(LINES[800_000:820_000])
    assert found.content.startswith("1 places:\n- at 460000: …")
    assert "'nowhere' is not in it" in nothing.content
    assert [unknown.failed, wrong.failed] == [True, True]


@pytest.mark.parametrize("stored", [False, True])
async def test_a_long_result_is_read_on(stored: bool, tmp_path: Any) -> None:
    agent = Agent("clerk", model=Reader([call("log"), "(reads)", "read"], order="turn"), tools=[log])
    if not stored:
        check(await agent.run("?"))
        return
    async with App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db") as app:
        run = await app.run(agent, "?", thread="t1")
        paging._loose.clear()
        check(run)


async def test_a_result_that_fits_is_left_alone() -> None:
    @tool
    async def short() -> str:
        return "x" * paging.LONGEST

    agent = Agent("clerk", model=Scripted([call("short"), "done"], order="turn"), tools=[short])
    assert results(await agent.run("?"))[0].content == "x" * paging.LONGEST
