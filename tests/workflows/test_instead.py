"""What takes the place of a node that failed makes calls and asks questions of its own."""

from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

from weft import START, App, Context, StateGraph, Topic, interrupt


class Said(TypedDict, total=False):
    n: int
    said: Annotated[list[Any], Topic]


tenfold = StateGraph(Said, name="tenfold").add_node("x", lambda state: {"n": state["n"] * 10}).add_edge(START, "x")
times_ten = tenfold.compile()


async def calls_and_fails(state: Said, ctx: Context[None]) -> Said:
    await ctx.call(times_ten, {"n": 1})
    raise OSError("line cut")


async def calls_again(state: Said, ctx: Context[None]) -> Said:
    return {"said": [(await ctx.call(times_ten, {"n": 7}))["n"]]}


async def asks_and_fails(state: Said, ctx: Context[None]) -> Said:
    ctx.ask("first?")
    raise OSError("line cut")


def asks_again(state: Said, failure: Any = None) -> Said:
    return {"said": [interrupt("second?")]}


async def finished(folder: Path, work: Any, **options: Any) -> tuple[list[Any], list[str]]:
    """What was said once each question was answered with its own words, and what was asked."""
    graph = StateGraph(Said, name="g").add_node("node", work, **options).add_edge(START, "node").compile()
    asked: list[str] = []
    async with App(targets=[graph], store=f"sqlite:///{folder}/weft.db") as app:
        result = await app.run(graph, {}, thread="t")
        while result.paused:
            asked += [question.payload for question in result.questions]
            result = await app.resume(result.run_id, {one.id: f"for {one.payload}" for one in result.questions})
    return list(result.output["said"]), asked


async def test_a_fallback_does_not_get_what_the_node_called(tmp_path: Path) -> None:
    assert await finished(tmp_path, calls_and_fails, fallback=calls_again) == ([70], [])


@pytest.mark.parametrize("how", ["fallback", "on_error"])
async def test_it_does_not_get_the_answer_to_the_node(tmp_path: Path, how: str) -> None:
    said = await finished(tmp_path, asks_and_fails, **{how: asks_again})
    assert said == (["for second?"], ["first?", "second?"])
