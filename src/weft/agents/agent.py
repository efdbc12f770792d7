"""``Agent``: what an agent is. How it works is in ``loop``."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Generic

from weft.agents.hooks import Hook
from weft.agents.prompt import Instructions
from weft.engine.evolution import OnChange, evolution
from weft.engine.graph import Graph
from weft.memory.window import ContextPolicy
from weft.models.base import NO_SETTINGS, Model
from weft.runtime.limits import Limits
from weft.runtime.result import Out
from weft.runtime.run import Runnable
from weft.tools.base import ToolSet

_CONTEXT = ContextPolicy()
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Agent(Runnable[Any, Out], Generic[Out]):
    """A model with instructions, tools and an output type.

    An agent is a value: it holds no connection, no history and no state, so one agent can serve
    every user at once. State is in the thread.

    >>> from weft.models.scripted import Scripted
    >>> agent = Agent("greeter", model=Scripted(["Hello, Ada."]), instructions="Greet.")
    >>> agent.run_sync("I am Ada.").output
    'Hello, Ada.'
    """

    name: str
    _: KW_ONLY
    model: str | Model | None = None
    """A LiteLLM name (``openai/gpt-5-mini``), a model, or nothing: then the best one at hand is chosen."""
    instructions: Instructions = ""
    tools: Sequence[Any] = ()
    """Functions, ``Tool`` values and ``ToolSet`` objects."""
    output: Any = str
    """``str``, a Pydantic model, a dataclass, any type with a JSON Schema, or a JSON Schema."""
    description: str = ""
    context: ContextPolicy = _CONTEXT
    limits: Limits = _LIMITS
    hooks: Sequence[Hook] = ()
    base_url: str | None = None
    """Where an OpenAI-compatible server answers for ``model``."""
    settings: Mapping[str, Any] | None = None
    """Passed to the provider: ``temperature``, ``max_tokens``, ``reasoning_effort`` ..."""
    repairs: int = 2
    """Corrections that the model may make to an output that does not fit its type."""
    version: str = ""
    """Yours to choose; it is on record with every step (``docs/timetravel.md``)."""
    on_change: OnChange | None = None
    """What a run that stopped under another version does: ``go_on``, ``pin`` or ``refuse``; else as the app says."""
    _graph: Graph | None = field(default=None, init=False, repr=False, compare=False)

    def graph(self) -> Graph:
        """The agent as a graph; made once.

        Raises:
            UsageError: a tool, the output or the model is not one.
        """
        if self._graph is None:
            object.__setattr__(self, "_graph", self._compile())
        assert self._graph is not None
        return self._graph

    def resolve_model(self) -> Model:
        """The model that answers for this agent."""
        from weft.models.choose import at_hand, resolve  # noqa: PLC0415  # a door to heavy rooms

        return at_hand()[0] if self.model is None else resolve(self.model, base_url=self.base_url)

    def once(self) -> list[str]:
        """Its tools whose effect must not happen twice for one thing."""
        from weft.tools.function import as_tool  # noqa: PLC0415

        tools = [as_tool(tool) for tool in self.tools if not isinstance(tool, ToolSet)]
        return [tool.name for tool in tools if tool.effect == "once"]

    def _compile(self) -> Graph:
        from weft.agents.loop import Loop  # noqa: PLC0415  # only agents that run need it
        from weft.models.capabilities import capabilities  # noqa: PLC0415

        model = self.resolve_model()
        return Loop(
            name=self.name,
            model=model,
            instructions=self.instructions,
            tools=self.tools,
            output=self.output,
            output_mode="none" if self.output is str else capabilities(model).output,
            repairs=self.repairs,
            context=self.context,
            limits=self.limits,
            hooks=tuple(self.hooks),
            settings=NO_SETTINGS if self.settings is None else self.settings,
            evolution=evolution(self.version, None, self.on_change),
        ).graph
