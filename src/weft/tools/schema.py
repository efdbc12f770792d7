"""What a model must be told of a Python function, and how the arguments it sends are checked.

The only door to Pydantic in ``tools``; imported when the first tool is used, not before.
"""

import inspect
import re
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeGuard, Union, get_args, get_origin, get_type_hints
from weakref import WeakKeyDictionary

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from weft.engine.context import Context
from weft.errors import ToolRetry, UsageError
from weft.messages import Json
from weft.tools.complaints import complaint
from weft.tools.deps import takes_deps
from weft.tools.docstrings import parse

Kind: TypeAlias = Literal["async", "sync", "async generator", "generator"]

_CONTEXT_AS_TEXT = re.compile(r"(weft\.)?([\w.]*\.)?Context\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A function as seen from outside. It does not hold the function."""

    kind: Kind
    description: str
    parameters: Json
    """JSON Schema of an object."""
    contexts: tuple[str, ...]
    """Parameters that are given the context, and that the model does not see."""
    deps: tuple[tuple[str, Any], ...]
    """Parameters that are given the run's ``deps``, and their types; hidden too."""
    positional: tuple[str, ...]
    """Parameters that can only be given by position."""
    fields: tuple[tuple[str, str], ...]
    """(parameter, its field in ``model``)"""
    model: type[BaseModel]

    def arguments(self, given: Json) -> dict[str, Any]:
        """The arguments, checked and converted, with the defaults filled in.

        Raises:
            ToolRetry: says of each wrong argument what was given and what is wanted.
        """
        try:
            checked = self.model.__pydantic_validator__.validate_python(given).__dict__
        except ValidationError:
            checked = self._as_json(given)
        return {name: checked[field] for name, field in self.fields}

    def _as_json(self, given: Json) -> dict[str, Any]:
        """Again, as JSON: what is strict about Python types may be right in JSON, and errors speak of JSON."""
        try:
            return self.model.__pydantic_validator__.validate_json(msgspec.json.encode(given)).__dict__
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)
            raise ToolRetry(complaint(problems, given, self.parameters)) from None


_shapes: WeakKeyDictionary[Any, Shape] = WeakKeyDictionary()


def shape_of(function: Callable[..., Any], name: str) -> Shape:
    """The function's shape, inspected once in its life. ``name`` is for messages.

    Raises:
        UsageError: it cannot be a tool; the message says why.
    """
    key: Callable[..., Any] = function if _is_partial(function) else _code_of(function)
    shape = _shapes.get(key)
    if shape is None:
        shape = _shapes[key] = _inspect(function, name)
    return shape


def _is_partial(function: Callable[..., Any]) -> TypeGuard[partial[Any]]:
    return isinstance(function, partial)


def _code_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """What is behind a method, a partial or a callable object."""
    while _is_partial(function):
        function = function.func
    if isinstance(function, types.MethodType):
        return function.__func__
    return function if inspect.isroutine(function) else type(function).__call__


def _inspect(function: Callable[..., Any], name: str) -> Shape:
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError, NameError) as error:
        raise UsageError(f"{name!r} cannot be a tool: it has no readable signature ({error})") from error
    code = inspect.unwrap(_code_of(function))
    hidden = set(function.keywords) if _is_partial(function) else set[str]()
    contexts, deps, shown = list[str](), list[tuple[str, Any]](), dict[str, inspect.Parameter]()
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UsageError(f"{name!r} cannot be a tool: a model cannot be told what {str(parameter)!r} takes")
        if _takes_context(parameter):
            contexts.append(parameter.name)
        elif takes_deps(parameter.annotation) and takes_deps(hint := _resolve(name, code, parameter)):
            deps.append((parameter.name, get_args(hint)[0]))
        elif parameter.name not in hidden:
            shown[parameter.name] = parameter
    doc = parse(_words_of(function))
    fields = {
        f"p{index}": _field(name, code, parameter, doc.parameters) for index, parameter in enumerate(shown.values())
    }
    model = _model(name, fields)
    return Shape(
        kind=_kind(code),
        description=doc.description,
        parameters=_json_schema(name, model),
        contexts=tuple(contexts),
        deps=tuple(deps),
        positional=tuple(p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_ONLY),
        fields=tuple(zip(shown, fields, strict=True)),
        model=model,
    )


def _words_of(function: Callable[..., Any]) -> str | None:
    if _is_partial(function):
        return _words_of(function.func)
    if inspect.isroutine(function):
        return function.__doc__
    return type(function).__call__.__doc__ or type(function).__doc__


def _kind(code: Callable[..., Any]) -> Kind:
    if inspect.isasyncgenfunction(code):
        return "async generator"
    if inspect.iscoroutinefunction(code):
        return "async"
    return "generator" if inspect.isgeneratorfunction(code) else "sync"


def _takes_context(parameter: inspect.Parameter) -> bool:
    hint = parameter.annotation
    if parameter.name == "ctx":
        return True
    if isinstance(hint, str):
        return _CONTEXT_AS_TEXT.match(hint.strip("'\"")) is not None
    return _is_context(hint)


def _is_context(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_is_context(option) for option in get_args(hint))
    return hint is Context or origin is Context


def _field(tool: str, code: Callable[..., Any], parameter: inspect.Parameter, words: Mapping[str, str]) -> Any:
    """What ``create_model`` takes: the type with its description, and the default.

    The user's own ``Field`` stands after ours, so it wins; a bare string in ``Annotated`` is a description.
    """
    hint = _resolve(tool, code, parameter)
    metadata: list[Any] = []
    if get_origin(hint) is Annotated:
        hint, *metadata = get_args(hint)
    said = [Field(description=item) if isinstance(item, str) else item for item in metadata]
    ours: Any = Field(alias=parameter.name, description=words.get(parameter.name) or None)
    default = ... if parameter.default is parameter.empty else parameter.default
    return (Annotated[(hint, ours, *said)], default)


def _resolve(tool: str, code: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """The parameter's type, where it is written as text too."""
    if parameter.annotation is parameter.empty:
        return Any

    def probe() -> None: ...

    probe.__annotations__ = {parameter.name: parameter.annotation}
    try:
        return get_type_hints(probe, *_names(code), include_extras=True)[parameter.name]
    except NameError as error:
        raise UsageError(
            f"{tool!r} cannot be a tool: the type {parameter.annotation!r} of its parameter {parameter.name!r} "
            f"is not known at run time ({error}); import it outside TYPE_CHECKING"
        ) from error


def _names(code: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is known where the function was written: globals, and what it closes over."""
    if not isinstance(code, types.FunctionType):
        return {}, {}
    closed: dict[str, Any] = {}
    for name, cell in zip(code.__code__.co_freevars, code.__closure__ or (), strict=True):
        with suppress(ValueError):  # not assigned yet
            closed[name] = cell.cell_contents
    return code.__globals__, closed


def _model(tool: str, fields: dict[str, Any]) -> type[BaseModel]:
    try:
        return create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)
    except PydanticUserError as error:
        raise UsageError(f"{tool!r} cannot be a tool: {_first_line(error)}") from error


class _Terse(GenerateJsonSchema):
    """A schema without the titles that Pydantic makes of names: a model pays for each word."""

    ignored_warning_kinds: ClassVar[set[Any]] = {"skipped-choice", "non-serializable-default"}  # pyright: ignore[reportIncompatibleVariableOverride]  # a class variable there too, but not annotated so

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        made = super().generate_inner(schema)
        if schema["type"] in ("model", "dataclass", "typed-dict", "enum", "named-tuple"):
            made.pop("title", None)
        return made


def _json_schema(tool: str, model: type[BaseModel]) -> Json:
    try:
        made = model.model_json_schema(schema_generator=_Terse)
    except PydanticUserError as error:
        raise UsageError(f"{tool!r} cannot be a tool: {_first_line(error)}") from error
    for definition in (made, *made.get("$defs", {}).values()):
        definition.pop("title", None)
    return made


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
