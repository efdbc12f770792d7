"""``Workflow``: a compiled graph, to run, to serve, to draw, or to be a node of another graph."""

from typing import Any, Generic

from weft.engine.graph import Graph
from weft.runtime.limits import Limits
from weft.runtime.result import Out
from weft.runtime.run import Runnable
from weft.workflows.mermaid import mermaid
from weft.workflows.schema import Schema
from weft.workflows.svg import svg


class Workflow(Runnable[Any, Out], Generic[Out]):
    """A compiled graph: run it, stream it, draw it, serve it from an ``App``."""

    __slots__ = ("_graph", "limits", "name", "schema")

    def __init__(self, graph: Graph, schema: Schema | None = None, limits: Limits | None = None) -> None:
        self.name = graph.name
        self.limits = limits
        self._graph = graph
        self.schema = schema
        """The state that another graph shares with it when it is a node there."""

    def graph(self) -> Graph:
        return self._graph

    @property
    def version(self) -> str:
        """As its author calls it."""
        return self._graph.evolution.version

    def draw_mermaid(self) -> str:
        """The graph in the words of Mermaid: what GitHub and many editors draw."""
        return mermaid(self._graph)

    def draw_svg(self) -> str:
        """The graph as an SVG picture."""
        return svg(self._graph)
