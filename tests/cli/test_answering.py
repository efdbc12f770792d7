"""Answers on the command line: to one of several questions here and now, in words that fit what was asked."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from weft.cli.main import run

TRIP = """
import operator
from typing import Annotated, TypedDict
from weft import START, StateGraph, interrupt


class Trip(TypedDict, total=False):
    said: Annotated[list[object], operator.add]


def city(state: Trip) -> Trip:
    return {"said": [interrupt("which city?", schema=str)]}


def nights(state: Trip) -> Trip:
    return {"said": [interrupt("how many nights?", schema=int)]}


trip = StateGraph(Trip, name="trip").add_node(city).add_node(nights).add_edge(START, "city").add_edge(START, "nights")
graph = trip.compile()
"""


def weft(*arguments: str) -> tuple[int, str]:
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = run(arguments)
    return code, told.getvalue()


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run that rests on two questions."""
    (tmp_path / "trip.py").write_text(TRIP)
    monkeypatch.chdir(tmp_path)
    code, told = weft("run", "trip.py:graph", "{}", "--json")
    assert code == 4
    return json.loads(told)


def test_here_goes_on_as_far_as_it_can_with_one_answer_of_several(asked: dict[str, Any]) -> None:
    ids = {question["payload"]: question["id"] for question in asked["questions"]}
    answer = ("runs", "answer", asked["run_id"], "--here", "trip.py:graph", "--json", "--question")
    code, told = weft(*answer, ids["how many nights?"], "3")
    assert (code, json.loads(told)["status"]) == (0, "paused")
    code, told = weft(*answer, ids["which city?"], "Rome")
    assert (code, json.loads(told)["status"]) == (0, "finished")


def test_words_that_mean_something_else_are_words_where_only_words_fit(asked: dict[str, Any]) -> None:
    ids = {question["payload"]: question["id"] for question in asked["questions"]}
    for name, words in (("which city?", "yes"), ("how many nights?", "3")):
        assert weft("questions", "answer", asked["run_id"], words, "--question", ids[name])[0] == 0
    code, told = weft("questions", "list", "--status", "answered", "--json")
    assert code == 0
    assert {row["payload"] for row in json.loads(told)} == set(ids)


def test_a_run_as_json_tells_what_an_answer_must_be(asked: dict[str, Any]) -> None:
    told = {question["payload"]: question for question in asked["questions"]}
    assert told["which city?"]["schema"] == {"type": "string"}
    assert told["how many nights?"]["kind"] == "question"
