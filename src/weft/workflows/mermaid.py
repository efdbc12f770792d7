"""Graphs in the words of Mermaid."""

import re

from weft.engine.graph import Graph
from weft.workflows.picture import Arrow, Picture, picture


def mermaid(graph: Graph) -> str:
    """The graph as a Mermaid flowchart: conditional edges are dashed, graphs in a node are boxes.

    Raises:
        Nothing: every graph can be drawn.
    """
    lines = ["flowchart TD"]
    _draw(picture(graph), "", "    ", lines)
    return "\n".join(lines) + "\n"


def _draw(drawn: Picture, prefix: str, indent: str, lines: list[str]) -> None:
    for box in drawn.boxes:
        key = _key(prefix, box.name)
        if box.inside is not None:
            lines.append(f'{indent}subgraph {key}["{_words(box.label)}"]')
            _draw(box.inside, f"{key}_", indent + "    ", lines)
            lines.append(f"{indent}end")
        elif box.terminal:
            lines.append(f'{indent}{key}(["{_words(box.label)}"])')
        else:
            lines.append(f'{indent}{key}["{_words(box.label)}"]')
    lines.extend(f"{indent}{_arrow(prefix, arrow)}" for arrow in drawn.arrows)


def _arrow(prefix: str, arrow: Arrow) -> str:
    line = "-.->" if arrow.dashed else "-->"
    label = f'|"{_words(arrow.label)}"|' if arrow.label else ""
    return f"{_key(prefix, arrow.start)} {line}{label} {_key(prefix, arrow.end)}"


def _key(prefix: str, name: str) -> str:
    """A name that Mermaid takes: letters and digits, and never one of its own words."""
    plain = re.sub(r"\W", lambda found: f"_{ord(found[0]):x}_", name)
    return f"{prefix}n_{plain}"


def _words(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    )
