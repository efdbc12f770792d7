"""What tools get that no model gives: parts of the state, the store, the runtime."""

# LangChain's objects are not wholly typed:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false, reportUnnecessaryCast=false

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, get_args, get_origin, get_type_hints

from langchain_core.tools import BaseTool, InjectedToolArg
from langchain_core.tools.base import (
    _DirectlyInjectedToolArg,  # pyright: ignore[reportPrivateUsage]  # what hides a parameter from a model's schema
    _is_injected_arg_type,  # pyright: ignore[reportPrivateUsage]  # how its own tools tell
    get_all_basemodel_annotations,
)
from msgspec import Struct
from typing_extensions import TypeVar

C = TypeVar("C", default=Any)
S = TypeVar("S", default=Any)


class InjectedState(InjectedToolArg):
    """``Annotated[dict, InjectedState]``: the state; ``InjectedState("field")``: one field of it."""

    def __init__(self, field: str | None = None) -> None:
        self.field = field


class InjectedStore(InjectedToolArg):
    """``Annotated[BaseStore, InjectedStore()]``: the store that the graph was compiled with."""


@dataclass
class ToolRuntime(_DirectlyInjectedToolArg, Generic[C, S]):
    """All of it at once: ``def tool(x: int, runtime: ToolRuntime)``."""

    state: S
    context: C
    config: dict[str, Any]
    stream_writer: Any
    tool_call_id: str | None
    store: Any
    tools: list[BaseTool] = field(default_factory=list[BaseTool])
    execution_info: Any = None
    server_info: Any = None


class Wanted(Struct, frozen=True):
    """Which parameters of a tool get what."""

    state: Mapping[str, str | None] = {}
    """By parameter: the field of the state, or ``None`` for all of it."""
    optional: frozenset[str] = frozenset()
    store: str | None = None
    runtime: str | None = None
    hidden: frozenset[str] = frozenset()
    """All that no model may give."""


def wanted_by(tool: BaseTool) -> Wanted:
    """What a tool asks for, by the annotations of its schema and its function."""
    schema: Any = tool.get_input_schema()
    function = getattr(tool, "func", None) or getattr(tool, "coroutine", None)
    declared: dict[str, Any] = get_type_hints(function, include_extras=True) if function else {}
    declared = {**declared, **get_all_basemodel_annotations(schema)}
    state: dict[str, str | None] = {}
    optional: set[str] = set()
    store = runtime = None
    for name, hint in declared.items():
        if (found := _marked(hint, InjectedState)) is not None:
            state[name] = found.field if isinstance(found, InjectedState) else None
            known = schema.model_fields.get(name)
            if state[name] and known is not None and not known.is_required():
                optional.add(name)
        if _marked(hint, InjectedStore) is not None:
            store = name
        if name == "runtime" or _marked(hint, ToolRuntime) is not None:
            runtime = name
    hidden = {name for name, hint in declared.items() if _is_injected_arg_type(hint)}
    given = {name for name in (*state, store, runtime) if name is not None}
    return Wanted(state, frozenset(optional), store, runtime, frozenset(hidden | given))


def _marked(hint: Any, kind: type[Any]) -> Any:
    """The mark of this kind in a hint: an instance, or the class."""
    if isinstance(hint, kind) or (isinstance(hint, type) and issubclass(hint, kind)):
        return hint
    origin = get_origin(hint)
    if isinstance(origin, type) and issubclass(origin, kind):
        return origin
    inner = get_args(hint)[1:] if origin is Annotated else get_args(hint)
    return next((found for one in inner if (found := _marked(one, kind)) is not None), None)


def injected(wanted: Wanted, name: str, args: Mapping[str, Any], runtime: ToolRuntime[Any, Any], key: str) -> Any:
    """The arguments of a call, with what the tool wants and without what a model forged of that.

    Raises:
        ValueError, KeyError, AttributeError: it is not there.
    """
    more: dict[str, Any] = {}
    if wanted.state:
        more = _of_state(wanted, name, runtime.state, key)
    if wanted.store is not None:
        if runtime.store is None:
            raise ValueError(
                "Cannot inject store into tools with InjectedStore annotations - "
                "please compile your graph with a store."
            )
        more[wanted.store] = runtime.store
    if wanted.runtime is not None:
        more[wanted.runtime] = runtime
    return {**{arg: value for arg, value in args.items() if arg not in wanted.hidden}, **more}


def _of_state(wanted: Wanted, name: str, state: Any, key: str) -> dict[str, Any]:
    if isinstance(state, list):
        if any(field not in (None, key) for field in wanted.state.values()):
            fields = ", ".join(field for field in wanted.state.values() if field)
            raise ValueError(
                f"Invalid input to ToolNode. Tool {name} requires graph state dict as input. "
                f"State should contain fields {fields}."
            )
        state = {key: state}
    found: dict[str, Any] = {}
    for arg, field_name in wanted.state.items():
        if not field_name:
            found[arg] = state
        elif isinstance(state, Mapping):
            if field_name in state or arg not in wanted.optional:
                found[arg] = state[field_name]
        elif hasattr(state, field_name) or arg not in wanted.optional:
            found[arg] = getattr(state, field_name)
    return found
