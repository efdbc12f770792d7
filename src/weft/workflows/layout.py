"""Where the boxes and arrows of a picture go: in layers from top to bottom, with few crossings.

The steps are those of Sugiyama, Tagawa and Toda (1981): turn back the arrows that close circles, put each box
below those that lead to it, order each layer by where its neighbours are, then move boxes towards them.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from weft.workflows.picture import Arrow, Box, Picture

GAP_X, GAP_Y, PAD, HEAD = 28.0, 56.0, 22.0, 26.0
"""Pixels between boxes, between layers, around a picture in a box, and for the name of such a box."""
LETTER = 7.4
"""Pixels of a letter of 13 pixels, about."""
SWEEPS = 12


class Placed(Struct, kw_only=True):
    """A box with its place: the middle of its upper side, and its size."""

    box: Box
    x: float
    y: float
    w: float
    h: float
    inside: "Layout | None" = None


class Line(Struct, frozen=True, kw_only=True):
    """An arrow and the points that it goes through."""

    arrow: Arrow
    points: tuple[tuple[float, float], ...]


class Layout(Struct, kw_only=True):
    """A picture with its size."""

    boxes: dict[str, Placed]
    lines: list[Line]
    w: float
    h: float


class _Way(Struct):
    """One arrow, and the places in all layers that it passes."""

    arrow: Arrow
    places: list[str]
    back: bool


def layout(picture: Picture) -> Layout:
    """Where everything goes."""
    boxes = {box.name: _sized(box) for box in picture.boxes}
    arrows = [arrow for arrow in picture.arrows if arrow.start in boxes and arrow.end in boxes]
    back = _closing(list(boxes), arrows)
    layers_of = _layers(list(boxes), arrows, back)
    layers, ways = _ways(layers_of, arrows, back)
    links = [(above, below) for way in ways for above, below in pairwise(way.places)]
    _order(layers, links)
    widths = {name: boxes[name].w if name in boxes else 12.0 for layer in layers for name in layer}
    xs = _across(layers, links, widths)
    left = min(xs[name] - widths[name] / 2 for layer in layers for name in layer) - PAD
    ys = _down(layers, boxes)
    for name, placed in boxes.items():
        placed.x, placed.y = xs[name] - left, ys[name]
    points = {name: (x - left, ys[name]) for name, x in xs.items()}
    right = max(xs[name] + widths[name] / 2 for layer in layers for name in layer) - left + PAD
    loops = any(arrow.start == arrow.end for arrow in arrows)
    low = max(placed.y + placed.h for placed in boxes.values()) + PAD
    return Layout(boxes=boxes, lines=_lines(ways, arrows, boxes, points), w=right + (34 if loops else 0), h=low)


def _sized(box: Box) -> Placed:
    inside = None if box.inside is None else layout(box.inside)
    w, h = len(box.label) * LETTER + 34, 30.0 if box.terminal else 38.0
    if inside is not None:
        w, h = max(w, inside.w), inside.h + HEAD
    return Placed(box=box, x=0, y=0, w=w, h=h, inside=inside)


def _closing(names: Sequence[str], arrows: Sequence[Arrow]) -> set[Arrow]:
    """The arrows that close a circle, seen from the first box on."""
    outgoing: dict[str, list[Arrow]] = {name: [] for name in names}
    for arrow in arrows:
        outgoing[arrow.start].append(arrow)
    back, done, open_ = set[Arrow](), set[str](), set[str]()
    for root in names:
        if root in done:
            continue
        ahead = [(root, iter(outgoing[root]))]
        open_.add(root)
        while ahead:
            name, rest = ahead[-1]
            arrow = next(rest, None)
            if arrow is None:
                ahead.pop()
                open_.discard(name)
                done.add(name)
            elif arrow.end in open_:
                back.add(arrow)
            elif arrow.end not in done:
                open_.add(arrow.end)
                ahead.append((arrow.end, iter(outgoing[arrow.end])))
    return back


def _layers(names: Sequence[str], arrows: Sequence[Arrow], back: set[Arrow]) -> dict[str, int]:
    """For each box how many are above it, at the most."""
    forward = [(a.end, a.start) if a in back else (a.start, a.end) for a in arrows if a.start != a.end]
    layer = dict.fromkeys(names, 0)
    for _ in names:
        moved = False
        for above, below in forward:
            if layer[below] <= layer[above]:
                layer[below], moved = layer[above] + 1, True
        if not moved:
            break
    layer[names[-1]] = max(layer.values())  # the end lies lowest
    return layer


def _ways(layer: Mapping[str, int], arrows: Sequence[Arrow], back: set[Arrow]) -> tuple[list[list[str]], list[_Way]]:
    """The boxes of each layer, and bends in the layers that an arrow only passes."""
    layers: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name, at in layer.items():
        layers[at].append(name)
    ways: list[_Way] = []
    for number, arrow in enumerate(arrows):
        if arrow.start == arrow.end:
            continue
        turned = arrow in back or layer[arrow.start] > layer[arrow.end]
        above, below = (arrow.end, arrow.start) if turned else (arrow.start, arrow.end)
        bends = [f"\0{number}:{at}" for at in range(layer[above] + 1, layer[below])]
        for at, bend in enumerate(bends, layer[above] + 1):
            layers[at].append(bend)
        ways.append(_Way(arrow, [above, *bends, below], turned))
    return layers, ways


def _neighbours(links: Sequence[tuple[str, str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    ups: dict[str, list[str]] = {}
    downs: dict[str, list[str]] = {}
    for above, below in links:
        ups.setdefault(below, []).append(above)
        downs.setdefault(above, []).append(below)
    return ups, downs


def _order(layers: list[list[str]], links: Sequence[tuple[str, str]]) -> None:
    """Sort each layer by the middle of its neighbours in the one before, down and up again."""
    ups, downs = _neighbours(links)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, downs)
    for sweep in range(SWEEPS):
        near = ups if sweep % 2 == 0 else downs
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            at = {name: place for each in layers for place, name in enumerate(each)}
            middle = {
                name: sum(at[n] for n in near[name]) / len(near[name]) if name in near else float(at[name])
                for name in layer
            }
            layer.sort(key=lambda name, middle=middle: middle[name])
        crossings = _crossings(layers, downs)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _crossings(layers: Sequence[Sequence[str]], downs: Mapping[str, Sequence[str]]) -> int:
    count = 0
    for above, below in pairwise(layers):
        at = {name: place for place, name in enumerate(below)}
        ends = [[at[end] for end in downs.get(name, ()) if end in at] for name in above]
        for first in range(len(ends)):
            for second in range(first + 1, len(ends)):
                count += sum(one > other for one in ends[first] for other in ends[second])
    return count


def _across(
    layers: Sequence[Sequence[str]], links: Sequence[tuple[str, str]], widths: Mapping[str, float]
) -> dict[str, float]:
    """The middle of each place: as near to its neighbours as the others in its layer allow."""
    xs: dict[str, float] = {}
    for layer in layers:
        at = 0.0
        for name in layer:
            xs[name] = at + widths[name] / 2
            at += widths[name] + GAP_X
        for name in layer:
            xs[name] -= (at - GAP_X) / 2
    ups, downs = _neighbours(links)
    for sweep in range(SWEEPS * 2):
        near = ups if sweep % 2 == 0 else downs
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [sum(xs[n] for n in near[name]) / len(near[name]) if name in near else xs[name] for name in layer]
            for name, x in zip(layer, _apart(layer, wanted, widths), strict=True):
                xs[name] = x
    return xs


def _apart(layer: Sequence[str], wanted: Sequence[float], widths: Mapping[str, float]) -> list[float]:
    """The wanted places, moved as little as keeps boxes from touching: pushed from the left and the right, halved."""
    from_left: list[float] = []
    for index, x in enumerate(wanted):
        if index:
            x = max(x, from_left[-1] + (widths[layer[index - 1]] + widths[layer[index]]) / 2 + GAP_X)
        from_left.append(x)
    from_right: list[float] = []
    for index in range(len(wanted) - 1, -1, -1):
        x = wanted[index]
        if from_right:
            x = min(x, from_right[-1] - (widths[layer[index + 1]] + widths[layer[index]]) / 2 - GAP_X)
        from_right.append(x)
    return [(left + right) / 2 for left, right in zip(from_left, reversed(from_right), strict=True)]


def _down(layers: Sequence[Sequence[str]], boxes: Mapping[str, Placed]) -> dict[str, float]:
    """The upper side of each place; what is smaller than its layer lies in the middle of it."""
    ys: dict[str, float] = {}
    at = PAD
    for layer in layers:
        height = max((boxes[name].h for name in layer if name in boxes), default=0.0)
        for name in layer:
            ys[name] = at + (height - (boxes[name].h if name in boxes else 0.0)) / 2
        at += height + GAP_Y
    return ys


def _lines(
    ways: Sequence[_Way],
    arrows: Sequence[Arrow],
    boxes: Mapping[str, Placed],
    points: Mapping[str, tuple[float, float]],
) -> list[Line]:
    """The points of each arrow; those that leave or enter a box by one side spread over it."""
    outs: dict[str, list[tuple[float, int]]] = {}
    ins: dict[str, list[tuple[float, int]]] = {}
    for number, way in enumerate(ways):
        outs.setdefault(way.places[0], []).append((points[way.places[1]][0] + way.back * 0.5, number))
        ins.setdefault(way.places[-1], []).append((points[way.places[-2]][0] + way.back * 0.5, number))
    starts, ends = _spread(outs, boxes), _spread(ins, boxes)
    lines: list[Line] = []
    for number, way in enumerate(ways):
        above, below = boxes[way.places[0]], boxes[way.places[-1]]
        inner = [points[bend] for bend in way.places[1:-1]]
        path = [(starts[number], above.y + above.h), *inner, (ends[number], below.y)]
        lines.append(Line(arrow=way.arrow, points=tuple(reversed(path) if way.back else path)))
    for arrow in arrows:
        if arrow.start == arrow.end:
            box = boxes[arrow.start]
            right, middle = box.x + box.w / 2, box.y + box.h / 2
            lines.append(Line(arrow=arrow, points=((right, middle - 8), (right + 30, middle), (right, middle + 8))))
    return lines


def _spread(sides: Mapping[str, list[tuple[float, int]]], boxes: Mapping[str, Placed]) -> dict[int, float]:
    """For each arrow where on the side of its box it ends, in the order in which they come."""
    found: dict[int, float] = {}
    for name, ends in sides.items():
        room = min(boxes[name].w * 0.6, 26.0 * (len(ends) - 1))
        for place, (_, number) in enumerate(sorted(ends)):
            part = place / (len(ends) - 1) - 0.5 if len(ends) > 1 else 0.0
            found[number] = boxes[name].x + part * room
    return found
