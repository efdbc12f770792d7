"""Guards at work: what passes, what is changed, blocked and asked, in streams and out of them."""

import asyncio
from typing import Any

import pytest

from weft import Agent, App, tool
from weft.agents.guards import Ask, Block, Change, Decided, Fits, Guard, Looked, Redact, Secrets, Topics, guard
from weft.errors import Blocked, UsageError
from weft.events import Delta, GuardDecided, GuardPassed
from weft.messages import Message, Reasoning, Text
from weft.models.capabilities import Capabilities
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope

TOKEN = "ghp_" + "a1B2" * 9


@tool(effect="read")
def look(place: str) -> str:
    """Look somewhere."""
    return f"in {place}: ada@example.com, {TOKEN}"


async def events_of(agent: Agent[Any], said: Any = "hi") -> list[Any]:
    return [envelope.event async for envelope in agent.stream(said)]


def told(events: list[Any]) -> list[tuple[str, str, str, str]]:
    return [(e.guard, e.stage, e.decision, e.reason) for e in events if isinstance(e, GuardDecided)]


async def test_what_the_model_is_told_is_redacted_and_what_was_said_stays() -> None:
    model = Scripted(["ok", "ok"])
    agent = Agent("a", model=model, guards=[Redact(on=("input",))])
    async with App(agents=[agent], store="sqlite://") as app:
        await app.run(agent, "I am ada@example.com", thread="t")
        await app.run(agent, "and 4111 1111 1111 1111", thread="t")
        said = [message.text for message in model.asked[1].messages]
        assert said == ["I am [email]", "ok", "and [card]"]
        rows = await app.messages(Scope("default"), "t")
        assert rows[0][1].text == "I am ada@example.com"


@pytest.mark.parametrize("by", ["whole", "word"])
async def test_a_stream_is_redacted_like_the_answer(by: Any) -> None:
    words = f"Write to ada@example.com or call +49 30 901820, with {TOKEN} . Bye"
    thought = Reasoning("they are ada@example.com", signature="s")
    line = Message(role="assistant", parts=(thought, Text(words)))
    agent = Agent("a", model=Scripted([line], by=by), guards=[Redact(), Secrets()])
    events = await events_of(agent)
    for kind, wanted in (
        ("text", "Write to [email] or call [phone], with [github_token] . Bye"),
        ("reasoning", "they are [email]"),
    ):
        assert "".join([e.text for e in events if isinstance(e, Delta) and e.kind == kind]) == wanted
    if by == "word":
        assert len([e for e in events if isinstance(e, Delta)]) > 6
    result = await Agent("a", model=Scripted([line]), guards=[Redact(), Secrets()]).run("hi")
    assert result.output == "Write to [email] or call [phone], with [github_token] . Bye"
    assert result.messages[-1].parts[0] == Reasoning("they are [email]")
    assert ("redact", "output", "change", "email, phone") in told(events)


async def test_what_a_tool_is_given_and_gives_is_looked_at() -> None:
    model = Scripted([call("look", place=f"box {TOKEN}"), "ok"])
    agent = Agent("a", model=model, tools=[look], guards=[Secrets(), Redact(on=("result",))])
    result = await agent.run("hi")
    assert result.messages[2].tool_results[0].content == "in box [github_token]: [email], [github_token]"


async def test_a_call_that_is_blocked_is_not_made_and_the_model_reads_why() -> None:
    seen: list[str] = []

    @tool
    def send(text: str) -> str:
        """Send."""
        seen.append(text)
        return "sent"

    model = Scripted([call("send", text=f"key {TOKEN}"), "ok"])
    agent = Agent("a", model=model, tools=[send], guards=[Secrets(action="block")])
    events = await events_of(agent)
    assert (seen, told(events)) == ([], [("secrets", "call", "block", "it holds github_token")])
    (result,) = model.asked[1].messages[-1].tool_results
    assert result.failed
    assert result.content == "the guard 'secrets' stopped this: it holds github_token"


async def test_a_result_that_is_blocked_is_withheld() -> None:
    model = Scripted([call("look", place="here"), "ok"])
    await Agent("a", model=model, tools=[look], guards=[Secrets(action="block", on=("result",))]).run("hi")
    assert model.asked[1].messages[-1].tool_results[0].content.startswith("[withheld: the guard 'secrets'")


@pytest.mark.parametrize("words", ["b\u200bombs", "b\u043embs", "\uff42ombs", "BOMBS"])
async def test_words_of_a_topic_are_found_however_they_look(words: str) -> None:
    topics = Topics(forbidden={"weapons": r"\bbombs?\b"}, answer="Not that.")
    agent = Agent("a", model=Scripted(["fine"]), guards=[topics])
    assert (await agent.run(f"How are {words} made?")).output == "Not that."


async def test_input_that_is_blocked_is_answered_and_the_thread_goes_on() -> None:
    model = Scripted(["fine"])
    topics = Topics(forbidden={"weapons": r"\bbombs?\b"}, answer="Not that.")
    agent = Agent("a", model=model, guards=[topics])
    async with App(agents=[agent], store="sqlite://") as app:
        first = await app.run(agent, "How are bombs made?", thread="t")
        assert (first.output, model.asked) == ("Not that.", [])
        assert (await app.run(agent, "Hello", thread="t")).output == "fine"
        said = [message.text for message in model.asked[0].messages]
        assert said == ["[withheld by the guard topics]", "Not that.", "Hello"]
        assert (await app.replay(first.run_id)).output == "Not that."


async def test_without_an_answer_the_run_fails_and_the_thread_goes_on() -> None:
    model = Scripted(["fine"])
    agent = Agent("a", model=model, guards=[Topics(forbidden={"weapons": "bomb"}, answer=None)])
    async with App(agents=[agent], store="sqlite://") as app:
        with pytest.raises(Blocked, match="'topics' stopped this: it is about weapons"):
            await app.run(agent, "bomb", thread="t")
        assert (await app.run(agent, "Hello", thread="t")).output == "fine"


@pytest.mark.parametrize("by", ["whole", "word"])
async def test_output_that_is_blocked_never_comes_out(by: Any) -> None:
    @guard("output")
    def no_prices(seen: Looked) -> Decided:
        return Block("a price", answer="Ask sales.") if "$" in seen.text else None

    agent = Agent("a", model=Scripted(["It costs $5 today"], by=by), guards=[no_prices])
    events = await events_of(agent)
    assert "".join([e.text for e in events if isinstance(e, Delta)]) == "Ask sales."
    agent = Agent("a", model=Scripted(["It costs $5 today"]), guards=[no_prices])
    assert (await agent.run("hi")).output == "Ask sales."


async def test_an_async_function_changes_and_each_sees_what_those_before_it_left() -> None:
    async def louder(seen: Looked) -> Decided:
        await asyncio.sleep(0)
        return Change(seen.text.upper(), "louder")

    def twice(seen: Looked) -> Decided:
        return Change(f"{seen.text} {seen.text}")

    events = await events_of(Agent("a", model=Scripted(["hey"]), guards=[louder, guard("output")(twice)]))
    assert [e.message.text for e in events if getattr(e, "message", None) and e.message.role == "assistant"] == [
        "HEY HEY"
    ]
    assert [each[:3] for each in told(events)] == [
        ("louder", "input", "change"),
        ("louder", "output", "change"),
        ("twice", "output", "change"),
    ]


async def test_typed_output_is_guarded_in_every_mode() -> None:
    for mode in ("native", "tool"):
        line: Any = '{"mail":"ada@example.com"}' if mode == "native" else call("final_answer", mail="ada@example.com")
        schema = {"type": "object", "properties": {"mail": {"type": "string"}}, "required": ["mail"]}
        model = Scripted([line], capabilities=Capabilities(output=mode))  # type: ignore[arg-type]  # one of two literals
        agent = Agent("a", model=model, output=schema, guards=[Redact(on=("output",))])
        assert (await agent.run("hi")).output == {"mail": "[email]"}


async def test_a_schema_holds_for_output_and_calls() -> None:
    schema = {"type": "object", "properties": {"place": {"maxLength": 3}}}
    model = Scripted([call("look", place="far away"), '{"place":"far away"}'])
    agent = Agent("a", model=model, tools=[look], guards=[Fits(schema, on=("call", "output"), tool="look")])
    with pytest.raises(Blocked, match=r"at \$\.place"):
        await agent.run("hi")
    assert "does not fit" in model.asked[1].messages[-1].tool_results[0].content
    with pytest.raises(Blocked, match="not JSON"):
        await Agent("a", model=Scripted(["words"]), guards=[Fits(schema)]).run("hi")


async def test_a_small_model_judges_the_topic() -> None:
    for verdict, output in (("Yes.", "fine"), ("no", "Only cooking."), ("hm", "Only cooking.")):
        topics = Topics(allowed="cooking", model=Scripted([verdict]), answer="Only cooking.")
        assert (
            await Agent("a", model=Scripted(["fine"]), guards=[topics]).run("How long to boil an egg?")
        ).output == output


@pytest.mark.parametrize("yes", [True, False])
async def test_a_person_is_asked_about_input_and_calls(yes: bool) -> None:
    def unsure(seen: Looked) -> Decided:
        return Ask("it says danger") if "danger" in seen.text else None

    model = Scripted([call("look", place="danger zone"), "done", "again"], order="next")
    agent = Agent("a", model=model, tools=[look], guards=[guard("input", "call")(unsure)])
    async with App(agents=[agent], store="sqlite://") as app:
        result = await app.run(agent, "look where danger is", thread="t")
        (question,) = result.questions
        assert (question.payload["stage"], model.asked) == ("input", [])
        if not yes:
            with pytest.raises(Blocked, match="a person said no"):
                await app.resume(result.run_id, {question.id: question.reject()})
            model = Scripted(["fresh"])
            again = Agent("a", model=model, guards=agent.guards)
            await app.run(again, "Hello", thread="t")
            assert "danger" not in str(model.asked)
            return
        result = await app.resume(result.run_id, {question.id: question.approve()})
        (question,) = result.questions
        assert (question.payload["stage"], question.payload["tool"]) == ("call", "look")
        result = await app.resume(result.run_id, {question.id: question.reject()})
        assert result.output == "done"
        assert "a person said no" in result.messages[-2].tool_results[0].content
        await app.run(agent, "and now?", thread="t")
        assert "danger" in model.asked[-1].messages[0].text


async def test_it_is_too_late_to_ask_about_what_happened() -> None:
    agent = Agent("a", model=Scripted(["x"]), guards=[guard("output")(lambda seen: Ask("hm"))])
    with pytest.raises(UsageError, match="happened already"):
        await agent.run("hi")


async def test_that_a_guard_looked_passes_live() -> None:
    class Calm(Guard):
        name = "calm"

    events = await events_of(Agent("a", model=Scripted(["x"]), guards=[Calm(), Calm()]))
    assert [(e.guard, e.stage) for e in events if isinstance(e, GuardPassed)] == [
        ("calm", "input"),
        ("calm#2", "input"),
        ("calm", "output"),
        ("calm#2", "output"),
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Agent("a", model="demo", guards=["redact"]).graph(),
        lambda: Redact("emial"),
        lambda: Redact(on=("outputs",)),  # type: ignore[arg-type]  # that is what is tested
        lambda: Topics(allowed="cooking"),
    ],
)
def test_what_is_no_guard_is_refused(make: Any) -> None:
    with pytest.raises(UsageError):
        make()


async def test_a_guard_that_gives_the_wrong_kind_of_thing() -> None:
    agent = Agent("a", model=Scripted(["x"]), guards=[guard("output")(lambda seen: Change(5))])
    with pytest.raises(UsageError, match="changes to int"):
        await agent.run("hi")
