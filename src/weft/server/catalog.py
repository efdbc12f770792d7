"""What can be run here, as clients see it: worked out once, in a thread, as finding a model may take a while."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from weft.agents.agent import Agent
from weft.agents.output import output
from weft.app import App
from weft.engine.context import Target
from weft.errors import WeftError
from weft.memory.profile import Profile
from weft.messages import Json
from weft.models.base import Model
from weft.models.choose import at_hand
from weft.models.demo import Demo
from weft.models.litellm import LiteLLM, loaded
from weft.server.views import AgentView, ModelsHealth, ToolView
from weft.tools.base import Tool, ToolSet
from weft.tools.function import as_tool


class Catalog:
    """The targets of an app by name, described."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._known: dict[str, AgentView] = {}

    async def warm(self) -> None:
        """Import LiteLLM now, in a thread, if a target is going to need it: the first run shall not wait for that."""
        targets = self._app.targets().values()
        agents = [cast("Agent[Any]", target) for target in targets if isinstance(target, Agent)]
        models = await asyncio.to_thread(lambda: [_model(agent) for agent in agents])
        if any(isinstance(model, LiteLLM) for model in models):
            await loaded()

    async def default(self) -> ModelsHealth:
        """The model of agents that name none, and why it is this one."""
        model, reason = await asyncio.to_thread(at_hand)
        return ModelsHealth(model.name, reason, isinstance(model, Demo))

    async def all(self) -> list[AgentView]:
        return [await self._view(name, target) for name, target in self._app.targets().items()]

    async def one(self, name: str) -> AgentView:
        """Raises: NotFound."""
        return await self._view(name, self._app.find(name))

    async def _view(self, name: str, target: Target) -> AgentView:
        if name not in self._known:
            self._known[name] = await asyncio.to_thread(_describe, target)
        return self._known[name]


def _describe(target: Target) -> AgentView:
    if not isinstance(target, Agent):
        doc = (type(target).__doc__ or "").strip().partition("\n")[0]
        return AgentView(
            name=target.name, description=doc, model="", demo=False, instructions="", tools=[], output_schema=None
        )
    agent = cast("Agent[Any]", target)
    model = _model(agent)
    return AgentView(
        name=agent.name,
        description=agent.description,
        model=_name(agent, model),
        demo=isinstance(model, Demo),
        instructions=_instructions(agent.instructions),
        tools=[_tool(as_tool(tool)) for tool in agent.tools if not isinstance(tool, ToolSet)],
        output_schema=_output_schema(agent),
        memory=agent.memory is not None,
        profile=_profile(agent),
        knowledge=[each.name for each in agent.knowledge],
    )


def _model(agent: Agent[Any]) -> Model | None:
    try:
        return agent.resolve_model()
    except WeftError:
        return None  # a run will say why; the catalogue is still there


def _name(agent: Agent[Any], model: Model | None) -> str:
    if model is not None:
        return model.name
    return agent.model if isinstance(agent.model, str) else ""


def _output_schema(agent: Agent[Any]) -> Json | None:
    schema = output(agent.output).schema
    return None if schema is None else schema.schema


def _profile(agent: Agent[Any]) -> Json | None:
    if agent.memory is None or agent.memory.profile is None:
        return None
    return Profile(agent.memory.profile).changes()


def _instructions(given: str | Callable[..., Any]) -> str:
    return given if isinstance(given, str) else (given.__doc__ or "made for each run").strip()


def _tool(tool: Tool) -> ToolView:
    return ToolView(
        name=tool.name,
        description=tool.spec.description,
        effect=tool.effect,
        approval=bool(tool.approval),
        parameters=tool.spec.parameters,
    )
