"""A model that calls tools until it has an answer, as a graph: ``create_react_agent``."""

# LangChain's objects are not wholly typed:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false, reportUnnecessaryCast=false

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NotRequired, cast, get_type_hints

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence
from langchain_core.tools import BaseTool
from pydantic import BaseModel, create_model
from typing_extensions import TypedDict

from weft.langgraph.calling import applied, asks, called
from weft.langgraph.compiled import StateGraph
from weft.langgraph.current import running
from weft.langgraph.managed import RemainingSteps
from weft.langgraph.messages import add_messages
from weft.langgraph.prebuilt.tool_node import ToolNode
from weft.langgraph.words import END, Runtime, Send


class AgentState(TypedDict):
    """What such an agent keeps."""

    messages: Annotated[Sequence[BaseMessage], add_messages]
    remaining_steps: NotRequired[RemainingSteps]


class AgentStatePydantic(BaseModel):
    """The same as a model."""

    messages: Annotated[Sequence[BaseMessage], add_messages]
    remaining_steps: RemainingSteps = 25


class AgentStateWithStructuredResponse(AgentState):
    """With the answer in a form of its own."""

    structured_response: Any


class _Agent:
    """The functions of the nodes, and what they share."""

    def __init__(self, model: Any, tools: Any, prompt: Any, response_format: Any, name: str | None) -> None:
        self.prompt, self.response_format, self.name = prompt, response_format, name
        built_in = [] if isinstance(tools, ToolNode) else [one for one in tools if isinstance(one, dict)]
        self.node = tools if isinstance(tools, ToolNode) else ToolNode([t for t in tools if not isinstance(t, dict)])
        self.tools: list[BaseTool] = list(self.node.tools_by_name.values())
        self.direct = {tool.name for tool in self.tools if tool.return_direct}
        self.hooked = False
        self._chooses = not isinstance(model, str | Runnable) and callable(model)
        if isinstance(model, str):
            model = _named(model)
        if not self._chooses and _unbound(model, self.tools, len(built_in)) and (self.tools or built_in):
            model = cast("Any", model).bind_tools([*self.tools, *built_in])
        self._model = model

    async def model(self, state: Any, runtime: Runtime[Any]) -> Any:
        return await applied(self._model, (state, runtime), {}) if self._chooses else self._model

    async def prompted(self, state: Any) -> Any:
        """What the model is given."""
        prompt = self.prompt
        messages = list(_of(state, "messages"))
        if prompt is None:
            return messages
        if isinstance(prompt, str | SystemMessage):
            return [SystemMessage(content=prompt) if isinstance(prompt, str) else prompt, *messages]
        if isinstance(prompt, Runnable):
            return await cast("Any", prompt).ainvoke(state)
        return await called(prompt, state, asks(prompt), running.get())

    async def call(self, state: Any, runtime: Runtime[Any], config: Any) -> Any:
        """The node ``agent``.

        Raises:
            ValueError: a tool call in the history has no answer.
        """
        messages = (self.hooked and _of(state, "llm_input_messages")) or _of(state, "messages")
        if messages is None:
            raise ValueError(f"Expected input to call_model to have 'messages' key, but got {state}")
        _answered(messages)
        if isinstance(state, BaseModel):
            state = state.model_copy(update={"messages": messages})
        else:
            state = {**state, "messages": messages}
        model = await self.model(state, runtime)
        response: Any = await model.ainvoke(await self.prompted(state), config)
        response.name = self.name
        if self._ends(state, response):
            response = AIMessage(id=response.id, content="Sorry, need more steps to process this request.")
        return {"messages": [response]}

    def _ends(self, state: Any, response: Any) -> bool:
        left, calls = _of(state, "remaining_steps"), getattr(response, "tool_calls", None) or []
        if left is None or not isinstance(response, AIMessage):
            return False
        return (left < 1 and all(call["name"] in self.direct for call in calls)) or (left < 2 and bool(calls))

    async def structured(self, state: Any, runtime: Runtime[Any], config: Any) -> Any:
        """The node that puts the answer into its form."""
        messages, schema = list(_of(state, "messages")), self.response_format
        if isinstance(schema, tuple):
            system, schema = cast("tuple[str, Any]", schema)
            messages = [SystemMessage(content=system), *messages]
        model = _bare(await self.model(state, runtime)).with_structured_output(schema)
        return {"structured_response": await cast("Any", model).ainvoke(messages, config)}

    def after_tools(self, start: str) -> Callable[[Any], str]:
        """Where to go when the tools are done: their answer may be the last word."""

        def route(state: Any) -> str:
            last: Any = None
            for last in reversed(_of(state, "messages")):
                if not isinstance(last, ToolMessage):
                    break
                if last.name in self.direct:
                    return END
            calls = last.tool_calls if isinstance(last, AIMessage) else []
            return END if any(call["name"] in self.direct for call in calls) else start

        return route


def create_react_agent(
    model: Any,
    tools: Any,
    *,
    prompt: Any = None,
    response_format: Any = None,
    pre_model_hook: Any = None,
    post_model_hook: Any = None,
    state_schema: Any = None,
    context_schema: Any = None,
    checkpointer: Any = None,
    store: Any = None,
    interrupt_before: list[str] | None = None,
    interrupt_after: list[str] | None = None,
    debug: bool = False,
    version: str = "v2",
    name: str | None = None,
    **old: Any,
) -> Any:
    """An agent of a LangChain chat model and tools, compiled.

    ``prompt``: a text, a system message, or a function of the state. ``response_format``: the form of the answer, kept
    as ``structured_response``. With version ``v2`` each tool call is a task of its own.

    Raises:
        ValueError: the state has not the fields that are needed.
    """
    if version not in ("v1", "v2"):
        raise ValueError(f"Invalid version {version}. Supported versions are 'v1' and 'v2'.")
    schema = _schema(state_schema, response_format)
    agent = _Agent(model, tools, prompt, response_format, name)
    agent.hooked = pre_model_hook is not None
    if unknown := {key: value for key, value in old.items() if key != "config_schema"}:
        raise TypeError(f"create_react_agent() got unexpected keyword arguments: {unknown}")
    graph: StateGraph[Any] = StateGraph(schema, context_schema or old.get("config_schema"))
    graph.add_node("agent", agent.call, input_schema=_hooked(schema) if agent.hooked else schema)
    start = "agent"
    if pre_model_hook is not None:
        start = "pre_model_hook"
        graph.add_node(start, pre_model_hook).add_edge(start, "agent")
    graph.set_entry_point(start)
    last = END if response_format is None else "generate_structured_response"
    if response_format is not None:
        graph.add_node("generate_structured_response", agent.structured)
    if post_model_hook is not None:
        graph.add_node("post_model_hook", post_model_hook).add_edge("agent", "post_model_hook")
    after = "agent" if post_model_hook is None else "post_model_hook"
    if not agent.tools:
        if last != END:
            graph.add_edge(after, last)
    else:
        graph.add_node("tools", agent.node)
        ways = ["tools", last, *((start,) if post_model_hook is not None else ())]
        graph.add_conditional_edges(after, _router(start, last, version, after), ways)
        if agent.direct:
            graph.add_conditional_edges("tools", agent.after_tools(start), [start, END])
        else:
            graph.add_edge("tools", start)
    return graph.compile(
        checkpointer, store=store, interrupt_before=interrupt_before, interrupt_after=interrupt_after, name=name
    )


def _router(start: str, last: str, version: str, after: str) -> Callable[[Any], Any]:
    def should_continue(state: Any) -> Any:
        messages = _of(state, "messages")
        said = next(one for one in reversed(messages) if isinstance(one, AIMessage))
        answered = {one.tool_call_id for one in messages if isinstance(one, ToolMessage)}
        calls = [call for call in said.tool_calls if call["id"] not in answered]
        if not calls:
            return start if after != "agent" and isinstance(messages[-1], ToolMessage) else last
        if version == "v1" and after == "agent":
            return "tools"
        return [Send("tools", {"__type": "tool_call_with_context", "tool_call": one, "state": state}) for one in calls]

    return should_continue


def _schema(given: Any, response_format: Any) -> Any:
    if given is None:
        return AgentState if response_format is None else AgentStateWithStructuredResponse
    needed = {"messages", "remaining_steps", *(() if response_format is None else ("structured_response",))}
    if missing := needed - set(get_type_hints(given)):
        raise ValueError(f"Missing required key(s) {missing} in state_schema")
    return given


def _hooked(schema: Any) -> Any:
    """The schema with what a hook may give the model instead of all messages."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return create_model("CallModelInputSchema", __base__=schema, llm_input_messages=(list[AnyMessage], ...))
    hints = {**get_type_hints(schema, include_extras=True), "llm_input_messages": list[AnyMessage]}
    return TypedDict("CallModelInputSchema", hints)  # pyright: ignore[reportArgumentType]  # made of another one


def _of(state: Any, key: str) -> Any:
    return cast("dict[str, Any]", state).get(key) if isinstance(state, dict) else getattr(state, key, None)


def _answered(messages: Sequence[Any]) -> None:
    answers = {one.tool_call_id for one in messages if isinstance(one, ToolMessage)}
    open = [
        call for one in messages if isinstance(one, AIMessage) for call in one.tool_calls if call["id"] not in answers
    ]
    if open:
        raise ValueError(
            "Found AIMessages with tool_calls that do not have a corresponding ToolMessage. Here are the first few of "
            f"those tool calls: {open[:3]}. Every tool call (LLM requesting to call a tool) in the message history "
            "MUST have a corresponding ToolMessage."
        )


def _named(model: str) -> Any:
    try:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415  # pyright: ignore[reportMissingImports]  # only where it is there
    except ImportError as error:
        raise ImportError(
            "Please install langchain (`pip install langchain`) to use '<provider>:<model>' string syntax for `model`."
        ) from error
    return cast("Any", init_chat_model)(model)


def _steps(model: Any) -> Any:
    if isinstance(model, RunnableSequence):
        steps: list[Any] = cast("Any", model).steps
        return next((one for one in steps if isinstance(one, RunnableBinding | BaseChatModel)), model)
    return model


def _bare(model: Any) -> Any:
    """Raises: TypeError (there is no chat model in it)."""
    model = _steps(model)
    found = model.bound if isinstance(model, RunnableBinding) else model
    if not isinstance(found, BaseChatModel):
        raise TypeError(f"Expected `model` to be a ChatModel or RunnableBinding, got {type(cast('Any', model))}")
    return found


def _unbound(model: Any, tools: Sequence[BaseTool], built_in: int) -> bool:
    """Whether the tools are still to be bound.

    Raises:
        ValueError: others are bound.
    """
    model = _steps(model)
    if not isinstance(model, RunnableBinding) or "tools" not in cast("Any", model).kwargs:
        return True
    bound: list[Any] = cast("Any", model).kwargs["tools"]
    if len(tools) != len(bound) - built_in:
        raise ValueError(
            "Number of tools in the model.bind_tools() and tools passed to create_react_agent must match"
            f" Got {len(tools)} tools, expected {len(bound) - built_in}"
        )
    names = {one["function"]["name"] if one.get("type") == "function" else one.get("name") for one in bound}
    if missing := {tool.name for tool in tools} - names:
        raise ValueError(f"Missing tools '{missing}' in the model.bind_tools()")
    return False


create_tool_calling_executor = create_react_agent

__all__ = [
    "AgentState",
    "AgentStatePydantic",
    "AgentStateWithStructuredResponse",
    "create_react_agent",
    "create_tool_calling_executor",
]
