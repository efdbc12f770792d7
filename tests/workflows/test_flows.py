"""@workflow: steps on record across kills and questions, branches with stable ids, bad flows."""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any, TypedDict

import pytest

from tests.warm import python
from weft import END, START, App, Context, Retry, StateGraph, step, workflow
from weft.errors import GraphError
from weft.storage.base import Scope

ROOT = Path(__file__).parents[2]


def noted(file: str, word: str) -> str:
    with open(file, "a") as lines:
        lines.write(word + "\n")
    return word


async def slow(file: str, word: str, seconds: float) -> str:
    await asyncio.sleep(seconds)
    return noted(file, word)


async def two(ctx: Context[Any], file: str, name: str, seconds: float) -> list[str]:
    """A branch of several steps, whose timing differs from run to run."""
    first = await step(ctx, slow, file, f"{name}1", seconds)
    return [first, await step(ctx, slow, file, f"{name}2", seconds)]


@workflow
async def pipeline(ctx: Context[Any], input: dict[str, Any]) -> list[Any]:
    file = input["file"]
    began = await step(ctx, noted, file, "begin")
    a, b = await asyncio.gather(
        two(ctx, file, "a", float(os.environ.get("A", "0"))), two(ctx, file, "b", float(os.environ.get("B", "0.02")))
    )
    if os.environ.get("DIE"):
        os.kill(os.getpid(), signal.SIGKILL)
    sure = ctx.ask("go on?") if input.get("ask") else True
    return [began, *a, *b, sure, await step(ctx, noted, file, "end")]


def test_in_memory_it_is_just_a_function(tmp_path: Path) -> None:
    file = str(tmp_path / "did")
    assert pipeline.run_sync({"file": file}).output == ["begin", "a1", "a2", "b1", "b2", True, "end"]


async def go(url: str, file: str) -> Any:
    """Submit the flow, or find it, and work the queue until it rests; its output."""
    async with App(targets=[pipeline], store=url, lease=1.0) as app:
        await app.start()
        scope = Scope("default", "local")
        record = await app.submit("pipeline", {"file": file}, scope=scope, thread="t", idempotency_key="one")
        record = await app.wait(scope, record.id)
        return json.loads(record.output or b"null")


@pytest.mark.usefixtures("warm")
def test_after_a_kill_finished_steps_are_not_run_again(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path / 'weft.db'}", tmp_path / "did"
    code = "import asyncio, sys; from tests.workflows.test_flows import go; asyncio.run(go(*sys.argv[1:]))"
    environment = {**os.environ, "DIE": "1", "A": "0.03", "B": "0"}
    child = subprocess.run(python("-c", code, url, str(file)), cwd=ROOT, env=environment, timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert sorted(file.read_text().split()) == ["a1", "a2", "b1", "b2", "begin"]
    assert asyncio.run(go(url, str(file))) == ["begin", "a1", "a2", "b1", "b2", True, "end"]
    assert sorted(file.read_text().split()) == ["a1", "a2", "b1", "b2", "begin", "end"]


async def test_an_answer_goes_on_without_doing_anything_twice(tmp_path: Path) -> None:
    file = tmp_path / "did"
    async with App(targets=[pipeline], store=f"sqlite:///{tmp_path / 'weft.db'}") as app:
        paused = await app.run(pipeline, {"file": str(file), "ask": True}, thread="t")
        assert paused.paused
        done = await app.resume(paused.run_id, {paused.questions[0].id: "yes"})
    assert done.output == ["begin", "a1", "a2", "b1", "b2", "yes", "end"]
    assert sorted(file.read_text().split()) == ["a1", "a2", "b1", "b2", "begin", "end"]


@workflow
async def two_questions(ctx: Context[Any], input: str) -> list[str]:
    async def asking(name: str, seconds: float) -> str:
        await step(ctx, slow, input, name, seconds)
        return f"{name}: {ctx.ask(name, key=name)}"

    return list(await asyncio.gather(asking("x", 0.0), asking("y", 0.02)))


async def test_questions_of_branches_come_together_and_no_branch_is_left(tmp_path: Path) -> None:
    file = tmp_path / "did"
    async with App(targets=[two_questions], store=f"sqlite:///{tmp_path / 'weft.db'}") as app:
        paused = await app.run(two_questions, str(file), thread="t")
        assert len(paused.questions) == 2
        done = await app.resume(paused.run_id, {question.id: question.payload for question in paused.questions})
    assert done.output == ["x: x", "y: y"]
    assert sorted(file.read_text().split()) == ["x", "y"]


async def test_graphs_and_flows_are_steps_too_and_retries_are_per_step() -> None:
    tries: list[int] = []

    class Number(TypedDict):
        n: int

    double = (
        StateGraph(Number, name="double").add_node("go", lambda state: {"n": state["n"] * 2})
        .add_edge(START, "go").add_edge("go", END).compile()
    )  # fmt: skip

    @workflow(name="inner")
    async def inner(ctx: Context[Any], n: int) -> int:
        return n + 1

    @step(retry=Retry(pause=0.001, on=(OSError,)))
    def flaky(n: int) -> int:
        tries.append(n)
        if len(tries) < 3:
            raise OSError("line busy")
        return n

    @workflow
    async def outer(ctx: Context[Any], n: int) -> list[int]:
        doubled = await ctx.call(double, {"n": n})
        return [doubled["n"], await inner(ctx, n), await step(ctx, flaky, n)]

    assert (await outer.run(5)).output == [10, 6, 5]
    assert tries == [5, 5, 5]


async def test_a_failing_branch_ends_the_others() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("forever")

    def bad() -> None:
        raise ValueError("no")

    @workflow
    async def flow(ctx: Context[Any], input: None) -> None:
        await asyncio.gather(step(ctx, forever), step(ctx, bad))

    with pytest.raises(ValueError, match="no"):
        await flow.run(None)
    assert ended == ["forever"]


async def test_what_cannot_be_a_flow_is_refused() -> None:
    not_async: Any = lambda ctx, input: None  # noqa: E731
    with pytest.raises(GraphError, match="async def"):
        workflow(not_async)


async def test_a_decorated_step_is_a_plain_function_too() -> None:
    @step
    def one(n: int) -> int:
        return n + 1

    @workflow
    async def flow(ctx: Context[Any], n: int) -> int:
        return await step(ctx, one, n, key="first") + one(n)

    assert one(1) == 2
    assert (await flow.run(1)).output == 4
