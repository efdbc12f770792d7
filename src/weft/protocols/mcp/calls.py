"""A tool or a prompt that is served by itself, as a graph of one node: each call of it is a run like any other."""

from collections.abc import Callable
from typing import Any

from weft.agents.acting import act
from weft.agents.permitting import permit_of
from weft.engine.channels import LastValue
from weft.engine.context import Context
from weft.engine.graph import Graph, Node, State, Update
from weft.messages import Json, ToolCall, ToolResult
from weft.runtime.conversation import Context as Seen
from weft.runtime.limits import Limits
from weft.tools.base import Tool
from weft.tools.function import Function, as_tool


class Called:
    """The target that calls one tool with the run's input."""

    __slots__ = ("_graph", "name", "source")

    def __init__(self, name: str, source: Tool | Callable[..., Any]) -> None:
        self.name = name
        self.source = source
        self._graph: Graph | None = None

    def graph(self) -> Graph:
        """Made once. Raises: UsageError: its function cannot be a tool."""
        if self._graph is None:
            tool = as_tool(self.source)

            async def call(state: State, payload: Any, ctx: Context[Any]) -> Update:
                wanted = ToolCall("call", tool.name, state["arguments"])
                permit = await permit_of(None, Seen(), ctx, agent=self.name, instructions="", limits=Limits())
                return Update({"result": await act({tool.name: tool}, (), wanted, ctx, permit)})

            self._graph = Graph(
                self.name,
                channels={"arguments": LastValue(Json), "result": LastValue(ToolResult)},
                nodes=[Node(name="call", run=call)],
                enter=lambda given: Update({"arguments": given}, goto=("call",)),
                leave=lambda state: state["result"],
            )
        return self._graph

    def same(self, other: "Called") -> bool:
        """Whether it calls the same thing."""
        return _bare(self.source) is _bare(other.source)


def _bare(source: Any) -> Any:
    return vars(source)["__wrapped__"] if isinstance(source, Function) else source
