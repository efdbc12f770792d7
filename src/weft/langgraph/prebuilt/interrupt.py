"""What a person is asked about a tool call, as ``langgraph.prebuilt.interrupt`` words it."""

from typing import Any, Literal

from typing_extensions import TypedDict


class HumanInterruptConfig(TypedDict):
    """Which answers are allowed."""

    allow_ignore: bool
    allow_respond: bool
    allow_edit: bool
    allow_accept: bool


class ActionRequest(TypedDict):
    """What is to be done."""

    action: str
    args: dict[str, Any]


class HumanInterrupt(TypedDict):
    """What is asked."""

    action_request: ActionRequest
    config: HumanInterruptConfig
    description: str | None


class HumanResponse(TypedDict):
    """What a person says."""

    type: Literal["accept", "ignore", "response", "edit"]
    args: str | ActionRequest | None


__all__ = ["ActionRequest", "HumanInterrupt", "HumanInterruptConfig", "HumanResponse"]
