"""Graphs as SVG pictures, light and dark, without anything from elsewhere."""

from collections.abc import Sequence
from html import escape

from weft.engine.graph import Graph
from weft.workflows.layout import HEAD, LETTER, Layout, Line, Placed, layout
from weft.workflows.picture import picture

STYLE = """
.weft{--paper:#fff;--box:#f4f6fb;--rim:#8a97b1;--ink:#1f2937;--line:#5b6b88;--group:#fafbfe;--end:#e6f4ea;--end-rim:#5a9a6e}
@media (prefers-color-scheme:dark){.weft{--paper:#14171f;--box:#232a38;--rim:#66758f;--ink:#e5e9f0;--line:#93a1bb;
--group:#1a1f2a;--end:#1d3326;--end-rim:#5a9a6e}}
.weft .paper{fill:var(--paper)}
.weft .box{fill:var(--box);stroke:var(--rim);stroke-width:1.2}
.weft .group{fill:var(--group);stroke:var(--rim);stroke-width:1.2;stroke-dasharray:2 3}
.weft .end{fill:var(--end);stroke:var(--end-rim);stroke-width:1.2}
.weft text{font:13px ui-sans-serif,system-ui,sans-serif;fill:var(--ink);text-anchor:middle;dominant-baseline:central}
.weft .name{font-weight:600;text-anchor:start}
.weft .label{font-size:11px;paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.weft .line{fill:none;stroke:var(--line);stroke-width:1.4}
.weft .dashed{stroke-dasharray:5 4}
.weft .tip{fill:var(--line)}
""".strip()


def svg(graph: Graph) -> str:
    """The graph as an SVG document: conditional edges are dashed, graphs in a node are boxes."""
    drawn = layout(picture(graph))
    body: list[str] = []
    _draw(drawn, 0.0, 0.0, body)
    size = f'width="{drawn.w:.0f}" height="{drawn.h:.0f}" viewBox="0 0 {drawn.w:.0f} {drawn.h:.0f}"'
    tip = (
        '<marker id="weft-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 .6 7.5 4 0 7.4z"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="weft" role="img" {size}>'
        f"<title>{escape(graph.name)}</title><style>{STYLE}</style><defs>{tip}</defs>"
        f'<rect class="paper" width="100%" height="100%"/>{"".join(body)}</svg>\n'
    )


def _draw(drawn: Layout, dx: float, dy: float, body: list[str]) -> None:
    for placed in drawn.boxes.values():
        _box(placed, dx, dy, body)
    for line in drawn.lines:
        body.append(_line(line, dx, dy))
    body.extend(_labels([line for line in drawn.lines if line.arrow.label], dx, dy))


def _box(placed: Placed, dx: float, dy: float, body: list[str]) -> None:
    x, y = placed.x - placed.w / 2 + dx, placed.y + dy
    kind = "end" if placed.box.terminal else "group" if placed.inside else "box"
    round_ = placed.h / 2 if placed.box.terminal else 8
    size = f'width="{placed.w:.1f}" height="{placed.h:.1f}" rx="{round_:.0f}"'
    body.append(f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size}/>')
    label = escape(placed.box.label)
    if placed.inside is None:
        body.append(f'<text x="{placed.x + dx:.1f}" y="{y + placed.h / 2:.1f}">{label}</text>')
        return
    body.append(f'<text class="name" x="{x + 12:.1f}" y="{y + 16:.1f}">{label}</text>')
    _draw(placed.inside, x + (placed.w - placed.inside.w) / 2, y + HEAD, body)


def _line(line: Line, dx: float, dy: float) -> str:
    points = [(x + dx, y + dy) for x, y in line.points]
    kind = "line dashed" if line.arrow.dashed else "line"
    return f'<path class="{kind}" marker-end="url(#weft-tip)" d="{_path(line, points)}"/>'


def _path(line: Line, points: Sequence[tuple[float, float]]) -> str:
    """A curve that leaves and comes in straight down, or up."""
    (x, y), *rest = points
    words = [f"M{x:.1f} {y:.1f}"]
    if line.arrow.start == line.arrow.end:
        (far, _), (end, low) = rest
        return f"{words[0]}C{far:.1f} {y - 6:.1f} {far:.1f} {low + 6:.1f} {end:.1f} {low:.1f}"
    for nx, ny in rest:
        half = (ny - y) / 2
        words.append(f"C{x:.1f} {y + half:.1f} {nx:.1f} {ny - half:.1f} {nx:.1f} {ny:.1f}")
        x, y = nx, ny
    return "".join(words)


def _labels(lines: Sequence[Line], dx: float, dy: float) -> list[str]:
    """The words on arrows, each beside the first bend of its own, and none upon another."""
    taken: list[tuple[float, float, float]] = []
    words: list[str] = []
    for line in lines:
        (x, y), (nx, ny), *_ = line.points
        along, width = 0.5, len(line.arrow.label) * LETTER * 0.85
        if line.arrow.start == line.arrow.end:
            y = ny = y - 12
        for along in (0.5, 0.34, 0.66, 0.22, 0.78):
            at = (x + (nx - x) * along + dx, y + (ny - y) * along + dy)
            if all(abs(at[0] - ox) > (width + ow) / 2 or abs(at[1] - oy) > 13 for ox, oy, ow in taken):
                break
        at = (x + (nx - x) * along + dx, y + (ny - y) * along + dy)
        taken.append((*at, width))
        words.append(f'<text class="label" x="{at[0]:.1f}" y="{at[1]:.1f}">{escape(line.arrow.label)}</text>')
    return words
