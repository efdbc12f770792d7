"""Drawings: every node and edge is there, nothing lies upon anything else, names cannot break out."""

import xml.etree.ElementTree as xml
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, TypedDict

import pytest

from weft import END, START, Agent, StateGraph
from weft.cli.main import run
from weft.workflows.layout import layout
from weft.workflows.mermaid import mermaid
from weft.workflows.picture import picture
from weft.workflows.svg import svg


class State(TypedDict, total=False):
    n: int


def plain(state: State) -> State:
    return {}


def onward(state: State) -> Literal["c", "d"]:
    return "c"


def inner() -> Any:
    made = StateGraph(State, name="inner").add_node("x", plain).add_edge(START, "x")
    return made.add_conditional_edges("x", lambda state: END, {"again": "x", "done": END}).compile()


def outer() -> Any:
    made = StateGraph(State, name="outer")
    for name in ("a", 'b "<&', "c", "d"):
        made.add_node(name, plain)
    made.add_node(inner()).add_edge(START, "a").add_edge("a", 'b "<&').add_edge("a", "inner")
    made.add_edge(['b "<&', "inner"], "c").add_conditional_edges("a", onward).add_edge("d", END)
    return made.add_conditional_edges("c", lambda state: END, {"rejected": "a", "accepted": END}).compile()


def test_mermaid() -> None:
    drawn = outer().draw_mermaid()
    for line in (
        "n___start__ --> n_a", "n_a --> n_inner", "n_inner --> n_c", "n_a -.-> n_d", 'n_c -.->|"rejected"| n_a',
        'subgraph n_inner["inner"]', 'n_inner_n_x -.->|"again"| n_inner_n_x', "n_d --> n___end__",
        'n_b_20__22__3c__26_["b &quot;&lt;&amp;"]',
    ):  # fmt: skip
        assert f"    {line}\n" in drawn
    assert "n_a --> n_c" not in drawn


def test_an_svg_is_well_formed_and_has_everything() -> None:
    root = xml.fromstring(outer().draw_svg())
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for word in ("a", 'b "<&', "c", "d", "inner", "x", "again", "rejected", "accepted"):
        assert word in words
    dashed = [path for path in root.iter("{http://www.w3.org/2000/svg}path") if "dashed" in path.get("class", "")]
    assert len(dashed) == 6
    assert "http" not in outer().draw_svg().replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("make", [outer, inner, lambda: Agent("helper", model="demo")])
def test_boxes_do_not_touch_and_lie_inside(make: Any) -> None:
    placed = layout(picture(make().graph()))
    for one in placed.boxes.values():
        assert one.w / 2 <= one.x <= placed.w - one.w / 2
        assert 0 <= one.y <= placed.h - one.h
    for one, two in combinations(placed.boxes.values(), 2):
        assert abs(one.x - two.x) >= (one.w + two.w) / 2 or one.y + one.h < two.y or two.y + two.h < one.y


def test_an_agent_is_drawn_too() -> None:
    graph = Agent("helper", model="demo").graph()
    drawn = mermaid(graph)
    for arrow in ("start__ --> n_think", "n_think -.-> n_act", "n_act --> n_think", "n_think -.-> n___end__"):
        assert arrow in drawn
    assert "start__ --> n_act" not in drawn
    assert svg(graph).startswith("<svg")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "one.py"
    file.write_text("from tests.workflows.test_drawing import inner\ngraph = inner()\n")
    assert run(["graphs", "draw", f"{file}:graph"]) == 0
    assert capsys.readouterr().out.startswith("flowchart TD")
    assert run(["graphs", "draw", f"{file}:graph", "--svg", "-o", str(tmp_path / "g.svg")]) == 0
    assert (tmp_path / "g.svg").read_text().startswith("<svg")
