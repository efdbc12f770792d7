"""``Agent``: what an agent is. How it works is in ``loop``."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from weft.agents.hooks import Hook
from weft.agents.prompt import Instructions
from weft.engine.evolution import OnChange, evolution
from weft.engine.graph import Graph
from weft.memory.window import ContextPolicy
from weft.models.base import NO_SETTINGS, Model
from weft.runtime.limits import Limits
from weft.runtime.result import Out
from weft.runtime.run import Runnable

if TYPE_CHECKING:
    from weft.agents.guards import Check, Guard
    from weft.agents.roles import Models
    from weft.agents.route import Junction, Route
    from weft.knowledge.answering import Answering
    from weft.knowledge.base import Knowledge
    from weft.memory.remembering import Memory, Remembering
    from weft.models.kept import AnswerCache
    from weft.security.policy import Policy
    from weft.tools.base import Approval, Tool

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
    """A LiteLLM name (``openai/gpt-5-mini``), a group of the router (``router:fast``), a model, or nothing: then the
    best one at hand is chosen."""
    route: "Route | None" = None
    """A function or ``Classifier`` of ``weft.agents.route`` that says for each call which model takes it."""
    instructions: Instructions = ""
    tools: Sequence[Any] = ()
    """Functions, ``Tool`` values and ``ToolSet`` objects."""
    models: "Models | None" = None
    """Other models for parts of its work: one that thinks first, one for the last word, one that shapes it."""
    cache: "AnswerCache | None" = None
    """How long answers are kept, to be given again without a call; ``None`` is not at all."""
    output: Any = str
    """``str``, a Pydantic model, a dataclass, any type with a JSON Schema, or a JSON Schema."""
    description: str = ""
    context: ContextPolicy = _CONTEXT
    memory: "Memory | None" = None
    """What it remembers beyond a thread; without one, nothing."""
    knowledge: Sequence["Knowledge"] = ()
    """The documents that it may read: ``Knowledge("handbook")``."""
    limits: Limits = _LIMITS
    hooks: Sequence[Hook] = ()
    guards: Sequence["Guard | Check"] = ()
    """Looks at what goes in and comes out: ``Redact``, ``Secrets``, ... of ``weft.agents.guards``, or functions."""
    policy: "Policy | None" = None
    """What each of its tool calls is held to, beside the policy of the app: the stricter of both counts."""
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

    def as_tool(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        approval: "Approval" = False,
        timeout: float | None = None,
    ) -> "Tool":
        """This agent as a tool of another one: it is told what to do in words, and works inside the same run.

        ``name`` is how the other one calls it, if not as it is named; ``timeout`` is in seconds.
        """
        from weft.agents.delegating import tool_of  # noqa: PLC0415  # only who has agents in agents needs it

        return tool_of(self, name=name, description=description, approval=approval, timeout=timeout)

    def _compile(self) -> Graph:
        from weft.agents.loop import Loop  # noqa: PLC0415  # only agents that run need it

        model = self.resolve_model()
        memory = None if self.memory is None else _remembering(self.memory, self.name)
        knowledge = _answering(self) if self.knowledge else None
        own = [*([] if memory is None else memory.tools()), *([] if knowledge is None else knowledge.tools())]
        return Loop(
            name=self.name,
            model=model,
            instructions=self.instructions,
            tools=(*self.tools, *own),
            output=self.output,
            repairs=self.repairs,
            context=self.context,
            memory=memory,
            knowledge=knowledge,
            limits=self.limits,
            hooks=_hooks(self.hooks, self.guards),
            policy=self.policy,
            junction=None if self.route is None else _junction(self.route, model, self.limits),
            settings=NO_SETTINGS if self.settings is None else self.settings,
            evolution=evolution(self.version, None, self.on_change),
            models=self.models,
            cache=self.cache,
        ).graph


def _hooks(hooks: Sequence[Hook], guards: Sequence["Guard | Check"]) -> tuple[Hook, ...]:
    """The hooks, and the guards within them: what goes to a model or a tool is what they saw."""
    if not guards:
        return tuple(hooks)
    from weft.agents.guarding import Guarding  # noqa: PLC0415  # only who has guards needs it

    return (*hooks, Guarding(guards))


def _remembering(memory: "Memory", agent: str) -> "Remembering":
    from weft.memory.remembering import Remembering  # noqa: PLC0415  # only who has a memory needs it

    return Remembering(memory, agent)


def _answering(agent: Agent[Any]) -> "Answering":
    from weft.knowledge.answering import Answering  # noqa: PLC0415  # only who has documents needs it

    return Answering(agent.knowledge, agent.name, agent.policy)


def _junction(route: "Route", own: Model, limits: Limits) -> "Junction":
    from weft.agents.route import Junction  # noqa: PLC0415  # only who has a route needs it

    return Junction(route, own, limits)
