"""What of a graph is drawn: boxes and arrows, whatever draws them."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from weft.engine.graph import END, Graph, Node

START = "__start__"
DEEP = 6
"""Graphs in graphs that are drawn; an agent may well contain itself."""


class Box(Struct, frozen=True):
    """A node, the start or the end."""

    name: str
    label: str
    terminal: bool = False
    inside: "Picture | None" = None


class Arrow(Struct, frozen=True):
    """From one box to another."""

    start: str
    end: str
    label: str = ""
    dashed: bool = False


class Picture(Struct, frozen=True):
    """A graph to be drawn."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def picture(graph: Graph, depth: int = 0) -> Picture:
    """What there is to draw of ``graph``."""
    arrows = _arrows(graph)
    boxes = [Box(node.name, node.name, inside=_inside(node.inside, depth)) for node in graph.nodes.values()]
    boxes = [box for box in boxes if box.name != START]
    boxes.insert(0, Box(START, "start", True))
    boxes.append(Box(END, "end", True))
    return Picture(tuple(boxes), tuple(arrows))


def _inside(target: Any, depth: int) -> Picture | None:
    return None if target is None or depth >= DEEP else picture(target.graph(), depth + 1)


class _Arrows:
    """Collects arrows, each once; a sure one hides a dashed one."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str, str], Arrow] = {}

    def add(self, start: str, end: str, label: str = "", *, dashed: bool = False) -> None:
        known = self.found.get((start, end, label))
        if known is None or known.dashed:
            self.found[start, end, label] = Arrow(start, end, label, dashed)

    def of_node(self, node: Node) -> None:
        for end in node.then:
            self.add(node.name, end)
        for link in node.links:
            self.add(node.name, link.to, link.label, dashed=not link.sure)
        for end in node.policy.handlers:
            self.add(node.name, end, "on error", dashed=True)

    def from_start(self, graph: Graph) -> None:
        """Where an input goes; where nobody says, to the nodes that nothing else leads to."""
        for link in graph.first:
            self.add(START, link.to, link.label, dashed=not link.sure)
        if graph.first:
            return
        reached = {end for _, end, _ in self.found}
        for name in [name for name in graph.nodes if name not in reached] or list(graph.nodes)[:1]:
            self.add(START, name)


def _arrows(graph: Graph) -> Sequence[Arrow]:
    arrows = _Arrows()
    for node in graph.nodes.values():
        arrows.of_node(node)
    arrows.from_start(graph)
    leading = {start for start, _, _ in arrows.found}
    for name in graph.nodes:
        if name not in leading:
            arrows.add(name, END)
    return list(arrows.found.values())
