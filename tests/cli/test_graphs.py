"""A graph from the terminal: its input as JSON, its questions in words, another way of its thread."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from weft.cli.main import run

SHOP = """
from typing import TypedDict

from weft import START, Context, StateGraph, interrupt, workflow


class Order(TypedDict, total=False):
    item: str
    price: int
    paid: bool


def quote(state: Order) -> Order:
    return {"price": interrupt(f"What does {state['item']} cost?", schema=int)}


def pay(state: Order) -> Order:
    return {"paid": True}


graph = StateGraph(Order, name="shop").add_node(quote).add_node(pay, effect="once")
graph = graph.add_edge(START, "quote").add_edge("quote", "pay").compile()


@workflow
async def count(ctx: Context[None], words: list[str]) -> int:
    return len(words)
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")


def weft(*arguments: str) -> tuple[int, str]:
    """How it ended, and all that it said, however wide the terminal."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = run(arguments)
    return code, " ".join(told.getvalue().split())


def test_a_graph_asks_pays_once_and_goes_another_way() -> None:
    code, told = weft("run", "shop.py:graph", '{"item": "tea"}', "--thread", "t", "--json")
    first: Any = json.loads(told)
    assert (code, first["status"]) == (4, "paused")
    assert "What does tea cost?" in weft("questions", "list")[1]
    code, told = weft("runs", "answer", first["run_id"], '{"price": 1}', "--here", "shop.py:graph")
    assert (code, "is not of type 'integer'" in told) == (2, True)
    assert weft("runs", "answer", first["run_id"], "5", "--here", "shop.py:graph")[0] == 0

    code, told = weft("threads", "fork", "t", "--here", "shop.py:graph", "--at", "2", "--go-on")
    assert code == 4
    assert "it asks: 'pay' happened at step 2" in told
    assert "Do it again?" in told
    again = json.loads(weft("runs", "list", "--status", "paused", "--json")[1])[0]["id"]
    assert f"weft runs answer {again} yes" in told
    assert "Do it again?" in weft("questions", "list")[1]
    wrong = '{"decision": "respond", "value": {}}'
    code, told = weft("runs", "answer", again, wrong, "--here", "shop.py:graph")
    assert (code, "'value' was unexpected" in told) == (2, True)
    kept = '{"decision": "respond", "response": {"paid": false}}'
    assert weft("runs", "answer", again, kept, "--here", "shop.py:graph")[0] == 0
    assert "paid = false" in weft("threads", "state", "t")[1]


def test_a_workflow_takes_json() -> None:
    code, told = weft("run", "shop.py:count", '["a", "b"]', "--json")
    assert (code, json.loads(told)["output"]) == (0, 2)


def test_what_is_no_json_is_words_which_a_graph_does_not_take() -> None:
    code, told = weft("run", "shop.py:graph", "tea")
    assert (code, "a dict of state fields is wanted" in told) == (1, True)
