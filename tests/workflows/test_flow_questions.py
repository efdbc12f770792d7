"""What a flow asks in its branches, and one count of questions whatever a context is wrapped in."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

from weft import START, App, Context, StateGraph, Topic, interrupt, step, workflow
from weft.errors import UsageError


class Said(TypedDict, total=False):
    said: Annotated[list[str], Topic]


@dataclass
class Deps:
    name: str = "ada"


@workflow
async def racing(ctx: Context[Any], input: None) -> list[str]:
    """The slow branch asks last the first time, and first once its step is on record."""

    async def branch(name: str, *seconds: float) -> str:
        for each in seconds:
            await step(ctx, asyncio.sleep, each)
        return f"{name}: {ctx.ask(name)}"

    return list(await asyncio.gather(branch("slow", 0.1), branch("fast", 0, 0, 0, 0)))


@workflow
async def direct(ctx: Context[Any], input: bool) -> list[str]:
    async def branch(name: str) -> str:
        return f"{name}: {interrupt(name, key=name if input else None)}"

    return list(await asyncio.gather(branch("a"), branch("b")))


@workflow
async def mixed(ctx: Context[Any], input: None) -> list[str]:
    return [f"a: {ctx.ask('a')}", f"b: {interrupt('b')}"]


async def both(state: Said, ctx: Context[Any]) -> Said:
    return {"said": [f"a: {ctx.ask('a')}", f"b: {interrupt('b')}", f"c: {ctx.ask('c')}"]}


def plainly(state: Said, ctx: Context[Any]) -> Said:
    return {"said": [f"a: {ctx.ask('a')}", f"b: {interrupt('b')}"]}


async def answered(target: Any, folder: Path, input: Any = None) -> tuple[Any, list[set[str]]]:
    """Its output once each question was answered with its own words, and what was asked together."""
    asked: list[set[str]] = []
    async with App(targets=[target], store=f"sqlite:///{folder}/weft.db") as app:
        result = await app.run(target, input, thread="t", deps={"name": "ada"})
        while result.paused:
            asked.append({question.payload for question in result.questions})
            answers = {question.id: f"for {question.payload}" for question in result.questions}
            result = await app.resume(result.run_id, answers, deps={"name": "ada"})
    return result.output, asked


async def test_a_branch_gets_its_own_answer_whatever_the_timing(tmp_path: Path) -> None:
    output, asked = await answered(racing, tmp_path)
    assert output == ["slow: for slow", "fast: for fast"]
    assert asked == [{"slow", "fast"}]


@pytest.mark.parametrize("keyed", [True, False])
async def test_branches_that_ask_without_a_step_ask_together(tmp_path: Path, keyed: bool) -> None:
    output, asked = await answered(direct, tmp_path, keyed)
    assert output == ["a: for a", "b: for b"]
    assert asked == [{"a", "b"}]


@pytest.mark.parametrize("options", [{}, {"idle_timeout": 5}, {"timeout": 5}])
@pytest.mark.parametrize("node", [both, plainly])
async def test_both_ways_of_asking_count_as_one(tmp_path: Path, node: Any, options: Any) -> None:
    builder = StateGraph(Said, Deps, name="g").add_node("node", node, **options)
    output, asked = await answered(builder.add_edge(START, "node").compile(), tmp_path, {})
    assert list(output["said"]) == [f"{word}: for {word}" for word in "abc"[: len(asked)]]


async def test_both_ways_of_asking_count_as_one_in_a_flow(tmp_path: Path) -> None:
    assert await answered(mixed, tmp_path) == (["a: for a", "b: for b"], [{"a"}, {"b"}])


async def test_a_key_is_for_one_step_and_one_that_failed_may_be_tried_again() -> None:
    tries: list[int] = []

    def flaky() -> int:
        tries.append(1)
        return 1 // (len(tries) - 1)

    @workflow
    async def twice(ctx: Context[Any], input: str) -> Any:
        return [await step(ctx, len, "a", key="k"), await step(ctx, len, "ab", key="k")]

    @workflow
    async def again(ctx: Context[Any], input: str) -> Any:
        try:
            return await step(ctx, flaky, key="k")
        except ZeroDivisionError:
            return await step(ctx, flaky, key="k")

    with pytest.raises(UsageError, match=r"len\[k\]"):
        await twice.run("")
    assert (await again.run("")).output == 1


async def test_what_is_no_step_and_no_target_is_refused_in_words() -> None:
    nothing: Any = None
    number: Any = 5
    with pytest.raises(UsageError, match="context of the flow"):
        step(nothing, len, "a")
    with pytest.raises(UsageError, match="a step is a function"):
        step(number)

    @workflow
    async def named(ctx: Context[Any], input: str) -> Any:
        return await ctx.call(input, "x")  # pyright: ignore[reportArgumentType]  # wrong on purpose

    with pytest.raises(UsageError, match="'poet'"):
        await named.run("poet")
