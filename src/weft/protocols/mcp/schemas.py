"""What the arguments of a target are when it is called as a tool, and what becomes of them."""

import re
from typing import Any

from weft.agents.agent import Agent
from weft.engine.context import Target
from weft.errors import UsageError
from weft.messages import Json
from weft.workflows.workflow import Workflow

_THREAD_ID = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_THREAD: Json = {
    "type": "string",
    "description": "The thread of an earlier result (its weft/thread), to go on with that conversation.",
}


def target_schema(target: Target) -> Json:
    """An agent takes a message, a graph its input; both may go on with a thread."""
    if isinstance(target, Agent):
        return _object({"message": {"type": "string", "description": "What to say to it."}}, "message")
    return _object({"input": _input_schema(target)}, "input")


def input_of(target: Target, given: Json) -> tuple[Any, str | None]:
    """The input of a run, and its thread.

    Raises:
        UsageError: an argument is missing, or of the wrong kind.
    """
    name = "message" if isinstance(target, Agent) else "input"
    if name not in given or (name == "message" and not isinstance(given[name], str)):
        raise UsageError(f"give {name!r}{', as text' if name == 'message' else ''}")
    thread: Any = given.get("thread") or None
    if thread is not None and not (isinstance(thread, str) and _THREAD_ID.fullmatch(thread)):
        raise UsageError("'thread' is none of ours: give the one of an earlier result, or none")
    return given[name], thread


def answer_schema() -> Json:
    """Of the tool by which a client's model hands on a person's answers."""
    fields: Json = {
        "run_id": {"type": "string"},
        "answers": {"type": "object", "description": "What the person says, by the ids of the questions."},
    }
    return {"type": "object", "properties": fields, "required": ["run_id", "answers"]}


def _object(fields: Json, *needed: str) -> Json:
    return {"type": "object", "properties": {**fields, "thread": _THREAD}, "required": list(needed)}


def _input_schema(target: Target) -> Json:
    """The fields of a graph's state, none of them required; anything, where they cannot be told."""
    if not isinstance(target, Workflow) or target.schema is None:
        return {}
    from pydantic import TypeAdapter  # noqa: PLC0415  # heavy, and only who lists the tools needs it

    try:
        schema: Json = TypeAdapter(target.schema.type).json_schema()
    except Exception:  # Pydantic raises many kinds for state that it cannot describe
        return {"type": "object"}
    return {name: value for name, value in schema.items() if name != "required"}
