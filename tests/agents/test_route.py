"""A route: which model takes a turn, and that the decision is on record."""

from typing import Any

import pytest

from weft import Agent, App, Budget, Limits
from weft.agents.route import Asked, Classifier, Decision
from weft.errors import ModelUnavailable, UsageError
from weft.events import Delta, ModelFinished, RouteDecided
from weft.messages import Message, Text, Usage
from weft.models.base import Answer
from weft.models.scripted import Scripted


async def happened(agent: Agent[Any], text: str) -> list[Any]:
    return [each.event async for each in agent.stream(text)]


def decisions(told: list[Any]) -> list[tuple[str, str, str]]:
    return [(each.model, each.reason, each.by) for each in told if isinstance(each, RouteDecided)]


def own() -> Scripted:
    return Scripted(["my own"], name="own", order="turn")


async def test_a_rule_decides_and_says_why() -> None:
    asked: list[Asked] = []

    def rule(what: Asked) -> Decision | None:
        asked.append(what)
        return Decision("demo", "it is long") if what.tokens > 100 else None

    agent = Agent("a", model=own(), route=rule, limits=Limits(usd=2.0, tokens=1000))
    short, long = await happened(agent, "hi"), await happened(agent, "word " * 200)
    assert decisions(short) == [("own", "nothing else was decided", "default")]
    assert decisions(long) == [("demo", "it is long", "rule")]
    assert [each.model for each in long if isinstance(each, ModelFinished)] == ["demo"]
    assert (asked[0].task, asked[0].turn, asked[0].usd_left, asked[0].tokens_left) == ("hi", 0, 2.0, 1000)


async def test_the_budget_that_is_left_shrinks() -> None:
    left: list[float | None] = []
    from weft.models.scripted import call  # noqa: PLC0415
    from weft.tools.function import tool  # noqa: PLC0415

    @tool(effect="read")
    def look() -> str:
        """Look."""
        return "seen"

    def line(_: Any) -> Answer:
        parts = (call("look"),) if len(left) < 2 else (Text("done"),)
        return Answer(message=Message(role="assistant", parts=parts), usage=Usage(output_tokens=1, cost=0.5))

    agent = Agent(
        "a",
        model=Scripted([line], order="repeat"),
        tools=[look],
        route=lambda asked: left.append(asked.usd_left),
        limits=Limits(usd=2.0),
    )
    await agent.run("hi")
    assert left == [2.0, 1.5]


async def test_a_rule_may_be_async_and_name_a_model() -> None:
    async def rule(asked: Asked) -> str:
        return "demo"

    told = await happened(Agent("a", model=own(), route=rule), "hi")
    assert decisions(told) == [("demo", "the rule says so", "rule")]


async def test_a_classifier_decides_out_of_sight_and_counts() -> None:
    small = Scripted(["'Hard'."], name="small")
    told = await happened(Agent("a", model=own(), route=classifier(small)), "Prove it.")
    assert decisions(told) == [("demo", "the task was found to be 'hard'", "model")]
    assert [each.model for each in told if isinstance(each, ModelFinished)] == ["small", "demo"]
    assert "Hard" not in "".join([each.text for each in told if isinstance(each, Delta)])
    assert "Prove it." in small.asked[0].messages[-1].text


@pytest.mark.parametrize("line", ["no idea", ModelUnavailable("it is down")])
async def test_where_a_classifier_fails_the_own_model_answers(line: Any) -> None:
    told = await happened(Agent("a", model=own(), route=classifier(Scripted([line], name="small"))), "hi")
    [(model, _, by)] = decisions(told)
    assert (model, by) == ("own", "default")


def classifier(small: Scripted) -> Classifier:
    return Classifier(model=small, kinds={"easy": ("router:fast", "small talk"), "hard": ("demo", "proofs")})


async def test_what_is_no_decision_is_told() -> None:
    with pytest.raises(UsageError, match="not int"):
        await Agent("a", model=own(), route=lambda _: 3).run("hi")  # type: ignore[arg-type, return-value]


async def test_a_rule_sees_what_the_run_and_the_budgets_leave() -> None:
    seen: list[tuple[float | None, int | None]] = []

    def rule(what: Asked) -> None:
        seen.append((what.usd_left, what.tokens_left))

    usage = Usage(requests=1, output_tokens=30, cost=0.25)
    paid = Answer(message=Message(role="assistant", parts=(Text("done"),)), usage=usage)
    agent = Agent("a", model=Scripted([lambda _: paid], order="repeat"), route=rule)
    async with App(agents=[agent], store="sqlite://") as app:
        await app.run(agent, "hi", user="bob")
        await app.run(agent, "hi", limits=Limits(usd=0.5, tokens=1000), user="bob")
        await app.set_budget(Budget("user", usd=2, per="day"))
        await app.set_budget(Budget("workspace", tokens=50_000, per="day"))
        await app.run(agent, "hi", user="ada")
        await app.run(agent, "hi", user="ada")
        await app.run(agent, "hi", limits=Limits(usd=0.5, tokens=1000), user="ada")
    assert seen[:2] == [(None, None), (0.5, 1000)]
    assert seen[3:] == [(1.75, 50_000 - 90), (0.5, 1000)]
