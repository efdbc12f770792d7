"""What the application gave to a run, as a parameter that no model sees."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from weft import Agent
from weft.engine.context import Context
from weft.errors import ToolFailed
from weft.models.scripted import Scripted, call
from weft.tools.deps import Deps
from weft.tools.function import as_tool


@dataclass(slots=True)
class Shop:
    stock: int


@dataclass(slots=True)
class All:
    name: str
    shop: Shop


def count(drink: str, shop: Deps[Shop]) -> str:
    """How many."""
    return f"{shop.stock} {drink}"


def written(drink: str, shop: "Deps[Shop]") -> str:
    return f"{shop.stock} {drink}"


@pytest.mark.parametrize("function", [count, written])
@pytest.mark.parametrize(
    "deps", [Shop(3), {"a": 1, "shop": Shop(3)}, All("a", Shop(3)), SimpleNamespace(x=Shop(3))], ids=repr
)
def test_deps_are_given_and_hidden(function: Any, deps: Any) -> None:
    agent = Agent("clerk", model=Scripted([call(function.__name__, drink="tea"), "ok"], order="turn"), tools=[function])
    result = agent.run_sync("?", deps=deps)
    assert [part.content for message in result.messages for part in message.tool_results] == ["3 tea"]
    assert list(as_tool(function).spec.parameters["properties"]) == ["drink"]


async def test_deps_that_are_not_there(ctx: Context[Any]) -> None:
    with pytest.raises(ToolFailed, match="count needs deps with a Shop; this run was given dict"):
        await as_tool(count).call({"drink": "tea"}, ctx)
