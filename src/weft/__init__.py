"""Weft: durable agents, teams and graphs.

>>> from weft import Agent
>>> Agent("helper", model="demo").name
'helper'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.agents.agent import Agent as Agent
    from weft.agents.hooks import Hook as Hook
    from weft.agents.roles import Models as Models
    from weft.app import App as App
    from weft.engine.breaker import Breaker as Breaker
    from weft.engine.cache import Cache as Cache
    from weft.engine.channels import Barrier as Barrier
    from weft.engine.channels import BinaryOperatorAggregate as BinaryOperatorAggregate
    from weft.engine.channels import Ephemeral as Ephemeral
    from weft.engine.channels import LastValue as LastValue
    from weft.engine.channels import Overwrite as Overwrite
    from weft.engine.channels import Topic as Topic
    from weft.engine.context import Context as Context
    from weft.engine.context import interrupt as interrupt
    from weft.engine.graph import Send as Send
    from weft.engine.policy import Retry as Retry
    from weft.errors import WeftError as WeftError
    from weft.events import Envelope as Envelope
    from weft.knowledge.base import Knowledge as Knowledge
    from weft.memory.remembering import Memory as Memory
    from weft.memory.window import ContextPolicy as ContextPolicy
    from weft.messages import Message as Message
    from weft.models.kept import AnswerCache as AnswerCache
    from weft.models.router import Router as Router
    from weft.models.routing import Deployment as Deployment
    from weft.runtime.budgets import Budget as Budget
    from weft.runtime.commands import Breakpoint as Breakpoint
    from weft.runtime.effects import NOT_DONE as NOT_DONE
    from weft.runtime.limits import Limits as Limits
    from weft.runtime.result import Result as Result
    from weft.runtime.retention import Retention as Retention
    from weft.security.policy import Policy as Policy
    from weft.security.policy import Rule as Rule
    from weft.tools.base import Tool as Tool
    from weft.tools.function import tool as tool
    from weft.tools.mcp.toolset import MCP as MCP
    from weft.workflows.flows import step as step
    from weft.workflows.flows import workflow as workflow
    from weft.workflows.stategraph import END as END
    from weft.workflows.stategraph import START as START
    from weft.workflows.stategraph import Command as Command
    from weft.workflows.stategraph import StateGraph as StateGraph

_ROOMS = {
    "Agent": "weft.agents.agent",
    "AnswerCache": "weft.models.kept",
    "App": "weft.app",
    "Barrier": "weft.engine.channels",
    "BinaryOperatorAggregate": "weft.engine.channels",
    "Breaker": "weft.engine.breaker",
    "Breakpoint": "weft.runtime.commands",
    "Cache": "weft.engine.cache",
    "Budget": "weft.runtime.budgets",
    "Command": "weft.workflows.stategraph",
    "Context": "weft.engine.context",
    "ContextPolicy": "weft.memory.window",
    "Deployment": "weft.models.routing",
    "END": "weft.workflows.stategraph",
    "Envelope": "weft.events",
    "Ephemeral": "weft.engine.channels",
    "Hook": "weft.agents.hooks",
    "LastValue": "weft.engine.channels",
    "Knowledge": "weft.knowledge.base",
    "Limits": "weft.runtime.limits",
    "MCP": "weft.tools.mcp.toolset",
    "Memory": "weft.memory.remembering",
    "Message": "weft.messages",
    "Models": "weft.agents.roles",
    "NOT_DONE": "weft.runtime.effects",
    "Overwrite": "weft.engine.channels",
    "Policy": "weft.security.policy",
    "Result": "weft.runtime.result",
    "Retention": "weft.runtime.retention",
    "Retry": "weft.engine.policy",
    "Router": "weft.models.router",
    "Rule": "weft.security.policy",
    "START": "weft.workflows.stategraph",
    "Send": "weft.engine.graph",
    "StateGraph": "weft.workflows.stategraph",
    "Tool": "weft.tools.base",
    "Topic": "weft.engine.channels",
    "WeftError": "weft.errors",
    "interrupt": "weft.engine.context",
    "step": "weft.workflows.flows",
    "tool": "weft.tools.function",
    "workflow": "weft.workflows.flows",
}
"""Where each public name lives: a room is entered when it is asked for, so that ``import weft`` is light."""

__all__ = sorted(_ROOMS)  # pyright: ignore[reportUnsupportedDunderAll]  # the table above is the one list


def __getattr__(name: str) -> Any:
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    value = getattr(import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
