"""Agents as tools of other agents."""

from dataclasses import dataclass

from weft import Agent, App, tool
from weft.models.scripted import Scripted, call


@dataclass
class City:
    name: str


def test_an_agent_is_a_tool_of_another() -> None:
    inner = Agent(
        "city finder!", model=Scripted(['{"name": "Rome"}'], order="repeat"), output=City, description="Finds."
    )
    made = inner.as_tool()
    assert (made.spec.description, made.name.startswith("city_finder__")) == ("Finds.", True)
    calls = [call("find", input="Where?"), call("find", where="x"), call("find", input=3)]
    outer = Agent(
        "guide", model=Scripted([calls, "Rome."], order="turn"), tools=[inner.as_tool(name="find", description="F.")]
    )
    run = outer.run_sync("Go")
    results = [part for message in run.messages for part in message.tool_results]
    assert [part.content[:16] for part in results] == ['{"name":"Rome"}', "Wrong arguments:", "Wrong arguments:"]
    assert run.usage.requests == 3


async def test_its_questions_are_those_of_the_run(tmp_path: object) -> None:
    @tool(approval=True, effect="once")
    def send(to: str) -> str:
        return f"sent {to}"

    clerk = Agent("clerk", model=Scripted([call("send", to="Ada"), "It is sent."], order="turn"), tools=[send])
    boss = Agent("boss", model=Scripted([call("clerk", input="Send"), "Fine."], order="turn"), tools=[clerk.as_tool()])
    async with App(agents=[boss], store=f"sqlite:///{tmp_path}/weft.db") as app:
        paused = await app.run(boss, "Do it", thread="t1")
        (question,) = paused.questions
        done = await app.resume(paused.run_id, {question.id: True})
    assert done.output == "Fine."
    assert [part.content for message in done.messages for part in message.tool_results] == ["It is sent."]
