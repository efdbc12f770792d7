"""A node that does the tool calls of a model's last message, and where to go after that message."""

# LangChain's objects are not wholly typed:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false, reportUnnecessaryCast=false

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from langchain_core.messages import AIMessage, RemoveMessage, ToolMessage, convert_to_messages
from langchain_core.tools import BaseTool, ToolException
from langchain_core.tools import tool as as_tool
from pydantic import ValidationError
from typing_extensions import TypedDict

from weft.langgraph.blocking import in_thread, wait
from weft.langgraph.current import running
from weft.langgraph.messages import REMOVE_ALL_MESSAGES
from weft.langgraph.prebuilt.injecting import (
    InjectedState,
    InjectedStore,
    ToolRuntime,
    Wanted,
    injected,
    wanted_by,
)
from weft.langgraph.words import Command, Runtime, Send

UNKNOWN_TOOL = "Error: {name} is not a valid tool, try one of [{known}]."
TOOL_CALL_ERROR_TEMPLATE = "Error: {error}\n Please fix your mistakes."
_BLOCKS = ("text", "image_url", "image", "json", "search_result", "custom_tool_call_output", "document", "file")
Given = Literal["list", "dict", "tool_calls"]


class ToolCallWithContext(TypedDict):
    """One call with the state it is made in, as a ``Send`` brings it."""

    tool_call: Any
    __type: Literal["tool_call_with_context"]
    state: Any


@dataclass
class ToolCallRequest:
    """A call that is to be done, as ``wrap_tool_call`` sees it."""

    tool_call: Any
    tool: BaseTool | None
    state: Any
    runtime: ToolRuntime[Any, Any]

    def override(self, **overrides: Any) -> "ToolCallRequest":
        return replace(self, **overrides)


class ToolInvocationError(ToolException):
    """A model gave arguments that a tool cannot take."""

    def __init__(self, tool_name: str, source: ValidationError, tool_kwargs: Any, filtered_errors: Any = None) -> None:
        told = str(source)
        if filtered_errors is not None:
            told = "\n".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in filtered_errors)
        self.message = (
            f"Error invoking tool '{tool_name}' with kwargs {tool_kwargs} with error:\n {told}\n"
            " Please fix the error and try again."
        )
        self.tool_name, self.source, self.tool_kwargs, self.filtered_errors = (
            tool_name, source, tool_kwargs, filtered_errors,
        )  # fmt: skip
        super().__init__(self.message)


def _wrong_arguments(error: ToolInvocationError) -> str:
    return error.message


class ToolNode:
    """Does all tool calls of the last message of a model side by side; each gives a ``ToolMessage`` or a ``Command``.

    ``handle_tool_errors``: which errors the model is told (``True``: all; a text; a function of the error; classes).
    By default only that its arguments do not fit.
    """

    def __init__(
        self,
        tools: Sequence[BaseTool | Callable[..., Any]],
        *,
        name: str = "tools",
        tags: list[str] | None = None,
        handle_tool_errors: Any = _wrong_arguments,
        messages_key: str = "messages",
        wrap_tool_call: Callable[..., Any] | None = None,
        awrap_tool_call: Callable[..., Awaitable[Any]] | None = None,
    ) -> None:
        self.name, self.tags, self.messages_key = name, tags, messages_key
        self._handled, self._wrap, self._awrap = handle_tool_errors, wrap_tool_call, awrap_tool_call
        made = [one if isinstance(one, BaseTool) else as_tool(cast("Any", one)) for one in tools]
        self.tools_by_name: dict[str, BaseTool] = {one.name: one for one in made}
        self._wanted = {one.name: wanted_by(one) for one in made}

    def get_name(self) -> str:
        return self.name

    def invoke(self, input: Any, config: Any = None, **options: Any) -> Any:
        """``ainvoke`` for programs without an event loop."""
        now = running.get()
        return wait(self.ainvoke(input, config, **options), on=None if now is None else now.loop)

    def __call__(self, input: Any) -> Any:
        return self.invoke(input)

    async def ainvoke(self, input: Any, config: Any = None, **options: Any) -> Any:
        """What the tools gave: messages, as the input had them, or commands.

        Outside of a graph, ``store=`` or ``runtime=`` says what it would have given to the tools.

        Raises:
            ValueError: there is no message of a model in it.
        """
        calls, given = self._calls(input)
        now = running.get()
        base = dict(config or {}) if now is None else {**now.config, **(config or {})}
        around: Any = _outside(base, options) if now is None else now.runtime

        async def one(call: Any) -> Any:
            runtime: ToolRuntime[Any, Any] = ToolRuntime(
                state=_state(input, given),
                context=around.context,
                config=base,
                stream_writer=around.stream_writer,
                tool_call_id=call["id"],
                store=around.store,
                tools=list(self.tools_by_name.values()),
                execution_info=around.execution_info,
                server_info=around.server_info,
            )
            request = ToolCallRequest(call, self.tools_by_name.get(call["name"]), runtime.state, runtime)
            return await self._wrapped(request, given, base)

        tasks = [asyncio.ensure_future(one(call)) for call in calls]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            await asyncio.wait(tasks)
            raise
        return self._combined([task.result() for task in tasks], given)

    def _calls(self, input: Any) -> tuple[list[Any], Given]:
        given: Given = "dict"
        if isinstance(input, list):
            items = cast("list[Any]", input)
            if isinstance(items[-1], dict) and items[-1].get("type") == "tool_call":
                return items, "tool_calls"
            messages, given = items, "list"
        elif isinstance(input, dict):
            parts = cast("dict[str, Any]", input)
            if parts.get("__type") == "tool_call_with_context":
                return [parts["tool_call"]], "tool_calls"
            messages = parts.get(self.messages_key, [])
        else:
            messages = getattr(input, self.messages_key, [])
        if not messages:
            raise ValueError("No message found in input")
        last = next((one for one in reversed(messages) if isinstance(one, AIMessage)), None)
        if last is None:
            raise ValueError("No AIMessage found in input")
        return list(last.tool_calls), given

    async def _wrapped(self, request: ToolCallRequest, given: Given, config: Any) -> Any:
        async def execute(asked: ToolCallRequest) -> Any:
            return await self._done(asked, given, config)

        if self._awrap is None and self._wrap is None:
            return await execute(request)
        try:
            if self._awrap is not None:
                return await self._awrap(request, execute)
            loop = asyncio.get_running_loop()
            return await in_thread(self._wrap or _unheard, request, lambda asked: wait(execute(asked), on=loop))
        except Exception as error:
            return self._told(error, request.tool_call)

    async def _done(self, request: ToolCallRequest, given: Given, config: Any) -> Any:
        call, tool = request.tool_call, request.tool
        if tool is None:
            told = UNKNOWN_TOOL.format(name=call["name"], known=", ".join(self.tools_by_name))
            return ToolMessage(told, name=call["name"], tool_call_id=call["id"], status="error")
        wanted = self._wanted.get(call["name"]) or wanted_by(tool)
        args = injected(wanted, call["name"], call["args"], request.runtime, self.messages_key)
        try:
            try:
                response = await tool.ainvoke({**call, "args": args, "type": "tool_call"}, config)
            except ValidationError as error:
                raise ToolInvocationError(call["name"], error, call["args"], _of_the_model(error, wanted)) from error
            return self._checked(response, call, given)
        except Exception as error:
            return self._told(error, call)

    def _told(self, error: Exception, call: Any) -> ToolMessage:
        """An error as the model is told it.

        Raises:
            Exception: it is not for the model.
        """
        handled = self._handled
        if not handled or not isinstance(error, _kinds(handled)):
            raise error
        content = TOOL_CALL_ERROR_TEMPLATE.format(error=repr(error))
        if isinstance(handled, str):
            content = handled
        elif callable(handled) and not isinstance(handled, type):
            content = cast("str", handled(error))
        return ToolMessage(content=content, name=call["name"], tool_call_id=call["id"], status="error")

    def _checked(self, response: Any, call: Any, given: Given) -> Any:
        if isinstance(response, ToolMessage):
            response.content = _content(response.content)
            return response
        if isinstance(response, Command):
            return self._command(cast("Command[Any]", response), call, given, ends=True)
        items = cast("list[Any]", response) if isinstance(response, list) else []
        if items and all(isinstance(one, Command | ToolMessage) for one in items):
            answers = sum(self._answers(one, call["id"]) for one in items)
            if answers != 1:
                raise ValueError(
                    f"Tool {call['name']} returned a list with {answers} messages bound to tool_call_id "
                    f"{call['id']!r}; expected exactly one terminating ToolMessage."
                )
            return [
                self._command(cast("Command[Any]", one), call, given, ends=False) if isinstance(one, Command) else one
                for one in items
            ]
        raise TypeError(f"Tool {call['name']} returned unexpected type: {type(response)}")

    def _answers(self, item: Any, id: str) -> int:
        if isinstance(item, ToolMessage):
            return int(item.tool_call_id == id)
        messages = item.update.get(self.messages_key, []) if isinstance(item.update, dict) else []
        return sum(isinstance(one, ToolMessage) and one.tool_call_id == id for one in messages)

    def _command(self, command: Command[Any], call: Any, given: Given, *, ends: bool) -> Command[Any]:
        """A tool's command, checked: the model must get an answer to its call."""
        if not isinstance(command.update, dict | list):
            return command
        if isinstance(command.update, dict) == (given == "list"):
            raise ValueError(
                f"Tools can provide a {type(command.update).__name__} in Command.update only when that is what "
                f"ToolNode's input is, got: {command.update} for tool '{call['name']}'"
            )
        made = deepcopy(command)
        update = cast("Any", made.update)
        messages = convert_to_messages(update.get(self.messages_key, []) if isinstance(update, dict) else update)
        if messages == [RemoveMessage(id=REMOVE_ALL_MESSAGES)]:
            return made
        answers = [one for one in messages if isinstance(one, ToolMessage) and one.tool_call_id == call["id"]]
        for one in answers:
            one.name = call["name"]
        if ends and made.graph is None and not answers:
            raise ValueError(
                f"Expected to have a matching ToolMessage in Command.update for tool '{call['name']}', "
                f"got: {messages}. "
                "Every tool call (LLM requesting to call a tool) in the message history MUST have a corresponding "
                "ToolMessage."
            )
        return made

    def _combined(self, outputs: list[Any], given: Given) -> Any:
        flat = [one for out in outputs for one in (cast("list[Any]", out) if isinstance(out, list) else [out])]
        if not any(isinstance(one, Command) for one in flat):
            return flat if given == "list" else {self.messages_key: flat}
        sends: list[Send] = []
        combined: list[Any] = []
        for one in flat:
            if not isinstance(one, Command):
                combined.append([one] if given == "list" else {self.messages_key: [one]})
                continue
            goto = cast("Any", one).goto
            if one.graph == Command.PARENT and isinstance(goto, list) and all(isinstance(to, Send) for to in goto):
                sends.extend(cast("list[Send]", goto))
            else:
                combined.append(one)
        return [*combined, *([Command(graph=Command.PARENT, goto=sends)] if sends else [])]


def tools_condition(state: Any, messages_key: str = "messages") -> Literal["tools", "__end__"]:
    """``tools`` where the last message has calls, else the end.

    Raises:
        ValueError: there is no message.
    """
    if isinstance(state, list):
        messages: Any = state
    elif isinstance(state, Mapping):
        messages = cast("Mapping[str, Any]", state).get(messages_key, [])
    else:
        messages = getattr(state, messages_key, [])
    if not messages:
        raise ValueError(f"No messages found in input state to tool_edge: {state}")
    return "tools" if getattr(messages[-1], "tool_calls", None) else "__end__"


def _outside(config: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """What stands for the runtime where no graph runs: one that was given, also as LangGraph's configs carry it."""
    given = options.get("runtime") or (config.get("configurable") or {}).get("__pregel_runtime")
    return given if given is not None else Runtime(store=options.get("store"))


def _state(input: Any, given: Given) -> Any:
    if given != "tool_calls":
        return input
    if isinstance(input, dict):
        return cast("dict[str, Any]", input)["state"]
    now = running.get()
    return {} if now is None else now.run.built.whole(now.run.point.checkpoint.values)


def _of_the_model(error: ValidationError, wanted: Wanted) -> list[Any]:
    """What is wrong with arguments that a model gives."""
    return [one for one in error.errors() if not one["loc"] or one["loc"][0] not in wanted.hidden]


def _kinds(handled: Any) -> tuple[type[Exception], ...]:
    """Which errors are told.

    Raises:
        ValueError: the function that words them is declared for something else.
    """
    if isinstance(handled, tuple):
        return cast("tuple[type[Exception], ...]", handled)
    if isinstance(handled, type):
        return (cast("type[Exception]", handled),)
    if not callable(handled):
        return (Exception,)
    first = next((name for name in inspect.signature(handled).parameters if name not in ("self", "cls")), "")
    hint = get_type_hints(handled).get(first)
    if hint is None:
        return (Exception,)
    kinds = get_args(hint) if get_origin(hint) is not None else (hint,)
    if not all(isinstance(kind, type) and issubclass(kind, Exception) for kind in kinds):
        raise ValueError(f"An error handler must be annotated with types of Exception, got {hint}")
    return cast("tuple[type[Exception], ...]", kinds)


def _content(output: Any) -> Any:
    blocks = cast("list[Any]", output) if isinstance(output, list) else []
    if isinstance(output, str) or all(isinstance(one, dict) and one.get("type") in _BLOCKS for one in blocks or [0]):
        return output
    try:
        return json.dumps(output, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(output)


def _unheard(*_: Any) -> None:
    """Nobody listens."""


__all__ = [
    "InjectedState",
    "InjectedStore",
    "ToolCallRequest",
    "ToolCallWithContext",
    "ToolInvocationError",
    "ToolNode",
    "ToolRuntime",
    "tools_condition",
]
