"""AgentDojo's tools as tools of Weft, its tasks as runs of an agent, and a person who is asked."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

from agentdojo.agent_pipeline.agent_pipeline import load_system_message
from agentdojo.agent_pipeline.base_pipeline_element import BasePipelineElement
from agentdojo.agent_pipeline.tool_execution import tool_result_to_str
from agentdojo.functions_runtime import Function, FunctionsRuntime
from agentdojo.task_suite.task_suite import TaskSuite
from agentdojo.types import text_content_block_from_string as block

from benchmarks.agentdojo.gullible import Case, Gullible
from weft import Agent, App, Limits, Policy, Tool
from weft.engine.context import Context
from weft.errors import ToolFailed
from weft.messages import ToolSpec
from weft.tools.base import Effect, Returned

Person: TypeAlias = Literal["user", "nobody"]
"""Approves exactly the calls that the user's task needs, or none at all."""
READS = ("get_", "search_", "list_", "read_", "check_")
"""How the names of tools begin that only read. All others have effect ``once``."""


def effect_of(name: str, more: Mapping[str, Effect]) -> Effect:
    """As the author of a tool would declare it: by its name alone."""
    return more.get(name, "read" if name.startswith(READS) else "once")


class Dojo(BasePipelineElement):
    """An AgentDojo pipeline whose agent is Weft's: the suite itself judges what it has done."""

    name = "local"

    def __init__(
        self,
        suite: TaskSuite[Any],
        policy: Policy | None,
        person: Person,
        loop: asyncio.AbstractEventLoop,
        effects: Mapping[str, Effect],
    ) -> None:
        self.model = Gullible()
        self.case: Case | None = None
        self.asked: list[bool] = []
        """For each question whether the user had intended the call."""
        self._suite, self._person, self._loop = suite, person, loop
        self._effects = effects
        self._runtime = FunctionsRuntime(suite.tools)
        tools = [self._tool(function, effect_of(function.name, effects)) for function in suite.tools]
        words = load_system_message("default")
        agent = Agent(suite.name, model=self.model, instructions=words, tools=tools, limits=Limits(turns=None))
        self.app = App(agents=[agent], store="sqlite:///:memory:", policy=policy)

    def reads(self, tool: str) -> bool:
        """Whether it is declared to have no effect."""
        return effect_of(tool, self._effects) == "read"

    def begin(self, case: Case) -> None:
        """What the next query is about."""
        self.case = self.model.case = case
        self.asked = []

    def query(
        self,
        query: str,
        runtime: FunctionsRuntime,
        env: Any = None,
        messages: Sequence[Any] = (),
        extra_args: Any = None,
    ) -> Any:
        """One task, by AgentDojo's own interface."""
        assert self.case is not None
        self.case.enter(env)
        said = self._loop.run_until_complete(self._run(query))
        return query, runtime, env, [*messages, *said], extra_args or {}

    async def _run(self, prompt: str) -> list[Any]:
        case = self.case
        assert case is not None
        result = await self.app.run(self._suite.name, prompt)
        while result.paused:
            answers: dict[str, Any] = {}
            for question in result.questions:
                planned = case.made[-1]
                planned.asked = True
                self.asked.append(wanted := self._is_intended(question.payload))
                yes = wanted and self._person == "user"
                answers[question.id] = question.approve() if yes else question.reject("I did not ask for this")
            result = await self.app.resume(result.run_id, answers)
        calls = [
            {"role": "assistant", "content": [block("")], "tool_calls": [planned.call]}
            for planned in case.made
            if planned.done
        ]
        return [*calls, {"role": "assistant", "content": [block(str(result.output))], "tool_calls": None}]

    def _is_intended(self, payload: Mapping[str, Any]) -> bool:
        """A person knows what they wanted: that tool with those arguments."""
        assert self.case is not None
        return any(
            call.function == payload["tool"] and dict(call.args) == payload["arguments"] for call in self.case.intended
        )

    def _tool(self, function: Function, effect: Effect) -> Tool:
        schema = function.parameters.model_json_schema()
        spec = ToolSpec(name=function.name, description=function.description, parameters=schema)
        return Tool(spec=spec, call=partial(self._call, function.name), effect=effect)

    async def _call(self, name: str, arguments: dict[str, Any], ctx: Context[Any]) -> Returned:
        case = self.case
        assert case is not None
        planned = case.made[-1]
        before = case.env.model_dump_json() if planned.injected else ""
        result, error = self._runtime.run_function(case.env, name, arguments)
        planned.done = True
        planned.changed = planned.injected and case.env.model_dump_json() != before
        if error is not None:
            raise ToolFailed(error)
        return Returned(content=tool_result_to_str(result))
