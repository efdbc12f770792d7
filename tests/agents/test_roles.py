"""Other models for parts of an agent's work: who is asked what, what is on record, and what a run of it replays."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel

from weft import Agent, App
from weft.agents.roles import Models
from weft.errors import ModelError, OutputInvalid
from weft.events import Delta, ModelFinished, OutputDecided, RunFinished
from weft.messages import Reasoning, assistant
from weft.models.base import Answer, Piece, Request
from weft.models.capabilities import Capabilities
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope

ALL = Scope("default")


class Town(BaseModel):
    name: str
    people: int


def lookup(what: str) -> str:
    """Look it up."""
    return "3,000,000"


def scripted(name: str, *lines: Any) -> Scripted:
    return Scripted(lines, name=name)


async def test_one_thinks_one_works_one_says_it_and_one_shapes_it(tmp_path: Any) -> None:
    thinker = scripted("thinker", "First look it up.")
    worker = scripted("worker", call("lookup", what="Rome"), "Rome, three millions.")
    speaker = scripted("speaker", "Rome has 3 million people.")
    parser = scripted("parser", '{"name": "Rome", "people": 3000000}')
    agent = Agent(
        "a",
        model=worker,
        models=Models(reasoning=thinker, output=speaker, parser=parser),
        tools=[lookup],
        output=Town,
        instructions="Be exact.",
    )
    app = App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db")
    async with app:
        result = await app.run(agent, "How many live in Rome?")
        assert result.output == Town(name="Rome", people=3_000_000)
        assert "lookup: Look it up." in thinker.asked[0].messages[-1].text
        assert thinker.asked[0].tools == ()
        assert [tool.name for tool in worker.asked[0].tools] == ["lookup"]
        assert worker.asked[0].output is None, "it need not know the shape"
        assert "First look it up." in worker.asked[0].messages[-1].text
        said = [message.text for message in speaker.asked[0].messages]
        assert (said[0], said[-2]) == ("Be exact.", "Rome, three millions.")
        assert parser.asked[0].messages[-1].text == "Rome has 3 million people."
        assert len(parser.asked[0].messages) == 2
        last = result.messages[-1]
        assert last.text == '{"name": "Rome", "people": 3000000}'
        thoughts = [part.text for part in last.parts if isinstance(part, Reasoning)]
        assert thoughts == ["Rome, three millions.", "Rome has 3 million people."]
        events = [each.event for each in await app.events(ALL, result.run_id)]
        asked = [event.model for event in events if isinstance(event, ModelFinished)]
        assert asked == ["thinker", "worker", "worker", "speaker", "parser"]
        assert result.usage.requests == 5
        again = await app.replay(result.run_id)
        assert again.output == result.output
        assert again.messages[-1].parts == last.parts
        assert again.messages[1].text == result.messages[1].text
        assert [len(model.asked) for model in (thinker, worker, speaker, parser)] == [1, 2, 1, 1]


async def test_only_the_last_word_is_shown_as_words() -> None:
    worker, speaker = scripted("worker", "a draft"), scripted("speaker", "the answer")
    agent = Agent("a", model=worker, models=Models(output=speaker))
    shown = [each.event async for each in agent.stream("Hi") if isinstance(each.event, Delta)]
    assert [(event.kind, event.text) for event in shown] == [("reasoning", "a draft"), ("text", "the answer")]
    assert len({event.message_id for event in shown}) == 1


async def test_who_shapes_is_corrected_not_who_works() -> None:
    worker = scripted("worker", "Rome, three millions.")
    parser = scripted("parser", '{"name": "Rome"}', '{"name": "Rome", "people": 3}')
    agent = Agent("a", model=worker, models=Models(parser=parser), output=Town)
    result = await agent.run("How many?")
    assert result.output == Town(name="Rome", people=3)
    assert len(worker.asked) == 1
    assert "people: Field required" in parser.asked[1].messages[-1].text
    assert [message.role for message in parser.asked[1].messages] == ["system", "user", "assistant", "user"]


async def test_it_ends_where_the_shape_is_never_right() -> None:
    models = Models(output=scripted("speaker", *["not it"] * 3))
    agent = Agent("a", model=scripted("worker", "draft"), models=models, output=Town)
    with pytest.raises(OutputInvalid, match="after 2 corrections"):
        await agent.run("How many?")


async def test_each_run_of_a_thread_thinks_anew(tmp_path: Any) -> None:
    thinker, worker = scripted("thinker", "one", "two"), scripted("worker", "first", "second")
    agent = Agent("a", model=worker, models=Models(reasoning=thinker))
    async with App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db") as app:
        await app.run(agent, "x", thread="t")
        assert (await app.run(agent, "y", thread="t")).output == "second"
    assert [message.text.rpartition("\n")[2] for message in worker.asked[1].messages] == [
        "x",
        "one",
        "first",
        "y",
        "two",
    ]


class Toolless:
    """It is thought to call tools, and turns out not to."""

    name = "m"

    def __init__(self) -> None:
        self.capabilities = Capabilities(output="tool")

    async def answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        if request.tools:
            self.capabilities = Capabilities(output="json", tools=False)
            raise ModelError("m does not support tools")
        yield Answer(message=assistant('{"value": 3}'))


async def test_a_model_that_turns_out_to_call_no_tools_is_asked_in_another_form() -> None:
    agent = Agent("a", model=Toolless(), output=int)
    told = [each.event async for each in agent.stream("How many?")]
    assert [one.level for one in told if isinstance(one, OutputDecided)] == ["tool", "json"]
    assert [one.output for one in told if isinstance(one, RunFinished)] == [3]


async def test_the_choice_of_the_ladder_is_on_record() -> None:
    agent = Agent("a", model=Scripted(['{"name": "Rome", "people": 3}'], name="m"), output=Town)
    told = [each.event async for each in agent.stream("How many?") if isinstance(each.event, OutputDecided)]
    assert [(event.model, event.level) for event in told] == [("m", "native")]
    assert told[0].reason == "it keeps to a schema"
    plain = Agent("a", model=Scripted(["hi"]))
    assert not [each async for each in plain.stream("Hi") if isinstance(each.event, OutputDecided)]
