"""Tools of a workspace as the API shows them."""

from msgspec import Struct

from weft.messages import Json
from weft.server.views import QuestionView, ToolView
from weft.tools.base import Tool
from weft.tools.catalogue import CATALOGUE
from weft.tools.registry import Kind, Registration


class RegistrationView(Struct, frozen=True, kw_only=True):
    """A tool, or a set of tools, of the workspace."""

    name: str
    kind: Kind
    target: str | list[str]
    title: str
    options: Json
    choices: list[str]
    """Names of the options that there are."""
    approval: bool
    enabled: bool


class Registrations(Struct, frozen=True):
    """All of the workspace, and what of the catalogue is not enabled."""

    items: list[RegistrationView]


class DescribedView(Struct, frozen=True, kw_only=True):
    """One of them, with the tools that it is made of."""

    registration: RegistrationView
    tools: list[ToolView]


class TriedView(Struct, frozen=True, kw_only=True):
    """What came of a call."""

    tool: str
    content: str
    failed: bool
    media: list[str]
    """Kinds of pictures, sounds and files that came with it."""
    questions: list[QuestionView]
    """What it would have asked a person first; then nothing was called."""


class SecretNames(Struct, frozen=True):
    """Of the workspace, in order."""

    items: list[str]


TOOL_VIEWS: tuple[type[Struct], ...] = (SecretNames, RegistrationView, Registrations, DescribedView, TriedView)


def registration_view(told: Registration) -> RegistrationView:
    builtin = CATALOGUE.get(told.name) if told.kind == "builtin" else None
    return RegistrationView(
        name=told.name,
        kind=told.kind,
        target=told.target if isinstance(told.target, str) else list(told.target),
        title=builtin.title if builtin else "",
        options=told.options,
        choices=list(builtin.options) if builtin else [],
        approval=told.approval,
        enabled=told.enabled,
    )


def tool_view(tool: Tool) -> ToolView:
    return ToolView(
        name=tool.name,
        description=tool.spec.description,
        effect=tool.effect,
        approval=bool(tool.approval),
        parameters=tool.spec.parameters,
    )
