"""The drawing of a compiled graph, as LangChain's ``Graph``: mermaid, ASCII, JSON, pictures."""

from collections.abc import Mapping
from typing import Any

from weft.errors import UsageError
from weft.langgraph.words import END, START

Arrow = tuple[str, str, bool, str | None]
"""From, to, whether on a condition, and its label."""


def drawn(compiled: Any, xray: int | bool = False) -> Any:
    """Raises: UsageError (``langchain_core`` is not installed)."""
    try:
        from langchain_core.runnables.graph import Graph  # noqa: PLC0415  # the door to it
    except ImportError as error:
        raise UsageError("a drawing needs langchain_core: pip install 'weft[langgraph]'") from error
    graph: Any = Graph()
    graph.add_node(_runnable(None, START), START)
    for name, spec in compiled.built.specs.items():
        graph.add_node(_runnable(spec.call, name), name, metadata=_about(compiled, spec) or None)
    arrows = _reached(_arrows(compiled.builder))
    for arrow in sorted(arrows, key=lambda one: (*one[:3], one[3] or "")):
        _add(graph, *arrow)
    leads = {source for source, _, _, _ in arrows}
    last = sorted({target for _, target, _, _ in arrows if target != END}.difference(leads))
    for name in last:
        _add(graph, name, END, False, None)
    if xray:
        deeper = xray - 1 if not isinstance(xray, bool) else xray
        for name, inner in compiled.built.inner.items():
            _expand(graph, name, drawn(inner, deeper))
    return graph


def _runnable(call: Any, name: str) -> Any:
    """A node as LangChain draws one."""
    from langchain_core.runnables import Runnable, RunnableLambda  # noqa: PLC0415  # the door to it

    return call if isinstance(call, Runnable) else RunnableLambda(lambda given: given, name=name)  # pyright: ignore[reportUnknownVariableType, reportUnknownLambdaType]  # only drawn


def _about(compiled: Any, spec: Any) -> dict[str, Any]:
    about = dict(spec.metadata)
    if spec.defer:
        about["defer"] = True
    before = compiled.interrupt_before == "*" or spec.name in compiled.interrupt_before
    after = compiled.interrupt_after == "*" or spec.name in compiled.interrupt_after
    if before or after:
        about["__interrupt"] = ",".join([word for word, on in (("before", before), ("after", after)) if on])
    if tools := getattr(spec.call, "tools_by_name", None):
        about["__tools"] = list(tools)
    return about


def _arrows(builder: Any) -> set[Arrow]:
    arrows: set[Arrow] = {(start, end, False, None) for start, end in builder.edges if end != END}
    arrows |= {(start, end, False, None) for starts, end in builder.joins for start in starts}
    for source, branches in builder.branches.items():
        for branch in branches:
            to: Mapping[Any, str] = branch.to or {name: name for name in (*builder.nodes, END) if name != source}
            arrows |= {(source, end, True, str(key) if str(key) != end else None) for key, end in to.items()}
    for source, spec in builder.nodes.items():
        ends = spec["ends"]
        named: Any = ends
        labels: dict[str, Any] = dict(named) if isinstance(ends, Mapping) else dict.fromkeys(named)
        arrows |= {(source, end, True, label if label != end else None) for end, label in labels.items()}
    return arrows


def _reached(arrows: set[Arrow]) -> set[Arrow]:
    """Those that a run can come to."""
    known, found = {START}, set[Arrow]()
    while new := {arrow for arrow in arrows if arrow[0] in known} - found:
        found |= new
        known |= {target for _, target, _, _ in new}
    return found


def _add(graph: Any, source: str, target: str, conditional: bool, label: str | None) -> None:
    for name in (source, target):
        if name not in graph.nodes:
            graph.add_node(None, name)
    if not any((edge.source, edge.target) == (source, target) for edge in graph.edges):
        graph.add_edge(graph.nodes[source], graph.nodes[target], label, conditional)


def _expand(graph: Any, name: str, inner: Any) -> None:
    """Put the drawing of a graph in the place of the node that runs it."""
    if len(inner.nodes) <= 1 or name not in graph.nodes or not inner.first_node() or not inner.last_node():
        return
    inner.trim_first_node()
    inner.trim_last_node()
    graph.nodes.pop(name)
    first, last = graph.extend(inner, prefix=name)
    for index, edge in enumerate(graph.edges):
        if edge.source == name:
            edge = edge.copy(source=last.id)
        if edge.target == name:
            edge = edge.copy(target=first.id)
        graph.edges[index] = edge
