"""Trouble at the rates that were asked for, the same each time, and agents that get through it."""

from collections import Counter
from typing import Any

import pytest

from weft import Agent, App, Budget
from weft.errors import ModelError, RateLimited, UsageError
from weft.messages import user
from weft.models.base import Answer, Piece, Request
from weft.models.capabilities import Capabilities, capabilities
from weft.models.demo import Demo
from weft.models.direct import Direct
from weft.models.prices import price_of
from weft.models.scripted import Scripted, call
from weft.testing import Chaos

HI = Request(messages=[user("Hi")])


async def asked(model: Chaos, times: int) -> list[Any]:
    """What became of so many calls."""
    became: list[Any] = []
    for _ in range(times):
        said: list[Piece | Answer] = []
        try:
            said = [each async for each in model.answer(HI)]
            became.append(type(said[-1]))
        except ModelError as error:
            became.append(type(error))
    return became


async def test_the_rates_and_the_seed() -> None:
    def model() -> Chaos:
        script = Scripted(["one two three"], by="word", order="repeat")
        return Chaos(script, timeouts=0.1, rate_limits=0.2, cut_streams=0.1, seed=7)

    first = model()
    became = Counter(await asked(first, 1000))
    assert 150 < became[RateLimited] < 250
    assert 550 < became[Answer] < 650
    caused = Counter(first.caused)
    assert all(60 < caused[each] < 140 for each in ("timeout", "cut_stream"))
    again = model()
    await asked(again, 1000)
    assert again.caused == first.caused


async def test_a_cut_stream_never_ends_in_an_answer() -> None:
    model = Chaos(Scripted(["one two three"], by="word", order="repeat"), cut_streams=1.0, seed=1)
    assert Answer not in await asked(model, 50)


async def test_malformed_calls() -> None:
    script = Scripted([[call("f", x=1)], "sorry"])
    model = Chaos(script, malformed_tool_calls=1.0)

    def f(x: int) -> int:
        """Do f."""
        raise AssertionError("never with such arguments")

    result = await Agent("a", model=model, tools=[f]).run("Hi")
    assert result.output == "sorry"
    assert model.caused == ["malformed_call"]
    assert script.asked[1].messages[-1].tool_results[0].failed


async def test_an_agent_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Chaos(Demo(delay=0), rate_limits=0.2, seed=5)
    results = [await Agent("a", model=model).run("Hello") for _ in range(5)]
    assert all(result.status == "finished" for result in results)


def test_what_it_is() -> None:
    able = Capabilities(output="tool", images=True)
    model = Chaos(Scripted([], name="m", capabilities=able))
    assert (model.name, capabilities(model)) == ("m", able)
    for wrong in ({"timeouts": 1.5}, {"timeouts": 0.6, "rate_limits": 0.6}, {"cut_streams": -0.1}):
        with pytest.raises(UsageError, match="rates"):
            Chaos(Demo(), **wrong)


async def test_trouble_has_the_price_of_the_model() -> None:
    app = App(store="sqlite://", budgets=[Budget("user", usd=1, per="day")])
    result = await app.run(Agent("a", model=Chaos(Demo(delay=0), seed=1)), "Hello")
    await app.close()
    assert result.status == "finished"
    priced = Chaos(Direct("openai/gpt-5-mini"))
    assert priced.price == await price_of(Direct("openai/gpt-5-mini"))
