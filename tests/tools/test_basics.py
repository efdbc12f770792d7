"""Small tools: a plan, and a question to a person."""

from typing import Any

import pytest

from tests.tools.conftest import Recorded
from weft import Agent, App
from weft.engine.context import Context
from weft.errors import ToolRetry
from weft.models.scripted import Scripted, call
from weft.tools.builtin.basics import ask_person, calculator, plan
from weft.tools.run import run_tool


async def test_a_plan(ctx: Context[Any], host: Recorded) -> None:
    steps = [{"step": "look", "status": "done"}, {"step": "leap", "status": "doing"}, {"step": "land"}]
    assert (await run_tool(plan.tool, {"steps": steps}, ctx)).content == "1 of 3 done\n[x] look\n[>] leap\n[ ] land"
    assert host.events[0].data[2] == {"step": "land", "status": "open"}
    with pytest.raises(ToolRetry, match="only one step"):
        await run_tool(plan.tool, {"steps": [steps[1], steps[1]]}, ctx)


async def test_a_question_to_a_person(tmp_path: Any) -> None:
    agent = Agent(
        "desk",
        model=Scripted([call("ask_person", question="Which one?", options=["a", "b"]), "Done."], order="turn"),
        tools=[ask_person, calculator],
    )
    async with App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db") as app:
        paused = await app.run(agent, "go", thread="t1")
        (question,) = paused.questions
        assert question.payload == {"question": "Which one?", "options": ["a", "b"]}
        assert question.schema == {"type": "string", "minLength": 1, "enum": ["a", "b"]}
        done = await app.resume(paused.run_id, {question.id: "b"})
    assert [part.content for message in done.messages for part in message.tool_results] == ["b"]
