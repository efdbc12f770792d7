"""Code mode: programs that call tools, each call on the path of any tool call."""

from pathlib import Path
from typing import Any

import pytest

from weft import Agent, App, Hook, tool
from weft.agents.coding import CodeMode
from weft.errors import ToolFailed
from weft.events import EffectStarted, ToolFinished
from weft.messages import ToolResult
from weft.models.scripted import Scripted, call
from weft.tools.sets import Fixed

pytest.importorskip("pydantic_monty")

CALLS: list[str] = []


@tool(effect="read")
async def price(item: str, amount: int = 1) -> dict[str, Any]:
    """The price of an item.

    Args:
        item: Its name.
    """
    CALLS.append(f"price {item}")
    if item == "gold":
        raise ToolFailed("gold is not sold")
    return {"item": item, "usd": len(item) * amount}


@tool(effect="once", approval=True)
async def order(item: str) -> str:
    """Order an item."""
    CALLS.append(f"order {item}")
    return f"ordered {item}"


def agent(*programs: str, **options: Any) -> Agent[str]:
    lines = [*([call("run_code", code=code) for code in programs]), "done"]
    return Agent("coder", model=Scripted(lines, order="turn"), tools=[CodeMode(Fixed(price, order), **options)])


def results(run: Any) -> list[ToolResult]:
    return [part for message in run.messages for part in message.tool_results]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    CALLS.clear()


async def test_a_program_calls_tools() -> None:
    code = """
import asyncio
prices = await asyncio.gather(price(item="tea"), price(item="salt", amount=2))
print("asked", len(prices))
try:
    await price(item="gold")
except RuntimeError as error:
    print("failed:", error)
sum(p["usd"] for p in prices)
"""
    (result,) = results(await agent(code).run("go"))
    assert result.content == "asked 2\nfailed: gold is not sold\n11"
    assert sorted(CALLS) == ["price gold", "price salt", "price tea"]


async def test_what_a_model_is_told() -> None:
    (made,) = await CodeMode(Fixed(price, order)).tools(None)  # type: ignore[arg-type]
    assert made.spec.description.endswith(
        "async def price(*, item: str, amount: int = 1)  # The price of an item.\n"
        "async def order(*, item: str)  # Order an item."
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1 +", "SyntaxError"),
        ("x = unknown()", "NameError"),
        ("import os\nos.listdir('/')", "Error"),
        ("open('/etc/passwd').read()", "Error"),
        ("import socket", "Error"),
        ("while True: pass", "TimeoutError"),
        ("x = 'a' * 10_000_000_000", "MemoryError"),
        ("[].__class__.__base__.__subclasses__()", "Error"),
        ("await price('tea')", "takes named arguments only"),
        ("await price(item=3)", "it should be a valid string"),
        ("for n in range(9): await price(item='x')", "made all the calls that it may"),
    ],
)
async def test_programs_that_fail(code: str, words: str) -> None:
    (result,) = results(await agent(code, seconds=1.0, calls=5).run("go"))
    assert result.failed
    assert words in result.content


async def test_a_call_that_asks_pauses_the_program_and_nothing_is_repeated(tmp_path: Path) -> None:
    code = """
tea = await price(item="tea")
try:
    print(await order(item=tea["item"]))
except Exception as error:
    print("swallowed", error)
print(await order(item="milk"))
"""
    coder = agent(code)
    async with App(agents=[coder], store=f"sqlite:///{tmp_path}/weft.db") as app:
        run = await app.run(coder, "go", thread="t1")
        assert CALLS == ["price tea"]
        (question,) = run.questions
        assert question.payload == {"tool": "order", "arguments": {"item": "tea"}}
    async with App(agents=[coder], store=f"sqlite:///{tmp_path}/weft.db") as app:
        run = await app.resume(run.run_id, {question.id: True})
        (question,) = run.questions
        run = await app.resume(run.run_id, {question.id: question.reject("no milk")})
        assert CALLS == ["price tea", "order tea"]
        (result,) = results(run)
        assert result.failed
        assert result.content.startswith("ordered tea\n")
        assert "no milk" in result.content
        told = [each.event for each in await app.events(app._scope("local"), run.run_id)]
    assert len([each for each in told if isinstance(each, ToolFinished) and each.name == "price"]) == 1
    assert [each.name for each in told if isinstance(each, EffectStarted)] == ["order"]


async def test_a_program_cannot_go_on_past_a_question() -> None:
    code = "try:\n    await order(item='x')\nexcept BaseException:\n    pass\nawait price(item='tea')\n'end'"
    swallowing = code.replace("await price(item='tea')", "try: await price(item='tea')\nexcept Exception: pass")
    for program in (code, swallowing):
        run = await agent(program).run("go")
        assert [question.payload["tool"] for question in run.questions] == ["order"]
    assert CALLS == []


async def test_hooks_stand_around_inner_calls() -> None:
    class Deny(Hook):
        async def around_tool(self, ctx: Any, call: Any, next: Any) -> Any:
            raise ToolFailed(f"not {call.name}")

    (result,) = results(await agent("await price(item='tea')", hooks=[Deny()]).run("go"))
    assert (result.failed, CALLS) == (True, [])
    assert "not price" in result.content
