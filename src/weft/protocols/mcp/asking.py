"""Questions of a run as requests to an MCP client, and its responses as answers."""

import json
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, cast

import msgspec
from msgspec import Struct

from weft.engine.channels import UNSET
from weft.messages import Json
from weft.storage.base import QuestionRow

Method: TypeAlias = Literal["elicitation/create", "sampling/createMessage", "roots/list"]
Need: TypeAlias = Literal["form", "url", "sampling", "roots"]
"""What a client must be able to do."""

ANSWER = "answer"
"""The tool by which a client that cannot be asked hands on a person's answers."""

_PRIMITIVE = frozenset({"string", "number", "integer", "boolean"})
_DECISION: Json = {
    "type": "object",
    "properties": {
        "decision": {"type": "string", "enum": ["approve", "reject"]},
        "reason": {"type": "string", "description": "Why not."},
    },
    "required": ["decision"],
}
_OUTCOME: Json = {
    "type": "object",
    "properties": {
        "outcome": {"type": "string", "enum": ["happened", "did_not_happen", "fail"]},
        "reason": {"type": "string"},
    },
    "required": ["outcome"],
}


class Wish(Struct, frozen=True, kw_only=True):
    """What a client is asked, for one question."""

    question: str
    key: str
    """Its name among those that are asked together."""
    method: Method
    needs: Need
    params: Json
    required: bool = False
    """Whether the call makes no sense for a client that cannot do it."""
    wrapped: Literal["", "answer", "json"] = ""
    """How the answer comes: as it is, as the one field of a form, or as JSON in that field."""


def wishes(rows: Sequence[QuestionRow]) -> list[Wish]:
    """What to ask for these questions, under keys that are theirs alone."""
    short = [row.id.rpartition("/")[2] for row in rows]
    return [_wish(row, name if short.count(name) == 1 else row.id) for row, name in zip(rows, short, strict=True)]


def _wish(row: QuestionRow, key: str) -> Wish:
    payload: Any = msgspec.json.decode(row.payload)
    schema: Any = None if row.schema is None else msgspec.json.decode(row.schema)
    told = cast("Json", payload) if isinstance(payload, dict) else {}
    match (row.kind, told.get("kind")):
        case ("question", "sampling"):
            return _lent(row.id, key, "sampling/createMessage", "sampling", told)
        case ("question", "roots"):
            return _lent(row.id, key, "roots/list", "roots", told)
        case ("question", "elicitation"):
            return _relayed(row.id, key, told, schema)
        case ("approval", _):
            return _form(row.id, key, words_of(row), _DECISION)
        case ("outcome", _):
            return _form(row.id, key, words_of(row), _OUTCOME)
        case _:
            form, wrapped = _fitting(schema)
            return _form(row.id, key, words_of(row), form, wrapped)


def _lent(id: str, key: str, method: Method, needs: Need, told: Json) -> Wish:
    """What only the client has: a model, folders."""
    required = told.get("required") is True
    return Wish(question=id, key=key, method=method, needs=needs, params=told.get("params") or {}, required=required)


def _relayed(id: str, key: str, told: Json, schema: Json | None) -> Wish:
    """A question that is an elicitation already: one of ``client.elicit``, or of a server of ours."""
    message = str(told.get("message", ""))
    if url := told.get("url"):
        params = {"mode": "url", "message": message, "url": url, "elicitationId": id}
        return Wish(question=id, key=key, method="elicitation/create", needs="url", params=params)
    answer: Json = (schema or {}).get("properties") or {}
    form: Json = answer.get("content") or {}
    nothing: Json = {"type": "object", "properties": {}}
    return _form(id, key, message, form if form.get("properties") is not None else nothing)


def _form(id: str, key: str, message: str, form: Json, wrapped: Literal["", "answer", "json"] = "") -> Wish:
    schema = {name: value for name, value in form.items() if name in ("type", "properties", "required", "$schema")}
    params = {"mode": "form", "message": message, "requestedSchema": schema}
    return Wish(question=id, key=key, method="elicitation/create", needs="form", params=params, wrapped=wrapped)


def _fitting(schema: Json | None) -> tuple[Json, Literal["", "answer", "json"]]:
    """A form for answers that fit ``schema``: MCP knows only flat ones."""
    if schema is not None and _is_flat(schema):
        return schema, ""
    if schema is None:
        return _one_field({"type": "string"}), "answer"
    if _is_simple(schema):
        return _one_field(schema), "answer"
    described = f"JSON that fits {json.dumps(schema)}"
    return _one_field({"type": "string", "description": described}), "json"


def _one_field(schema: Json) -> Json:
    return {"type": "object", "properties": {"answer": schema}, "required": ["answer"]}


def _is_flat(schema: Json) -> bool:
    fields: Any = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(fields, dict) or not fields:
        return False
    return all(_is_simple(field) for field in cast("dict[str, Json]", fields).values())


def _is_simple(schema: Json) -> bool:
    if schema.get("type") == "array":
        items: Json = schema.get("items") or {}
        return "enum" in items or "anyOf" in items
    return schema.get("type") in _PRIMITIVE


def words_of(row: QuestionRow) -> str:
    """The question as a person would read it."""
    payload: Any = msgspec.json.decode(row.payload)
    if isinstance(payload, str):
        return payload
    told = cast("Json", payload) if isinstance(payload, dict) else {}
    if row.kind == "approval":
        return f"May {told.get('tool')} be called with {json.dumps(told.get('arguments'), ensure_ascii=False)}?"
    if row.kind == "outcome":
        arguments = json.dumps(told.get("arguments"), ensure_ascii=False)
        return f"Nobody knows whether {told.get('name')} with {arguments} has happened. Has it?"
    for name in ("message", "question", "prompt"):
        if isinstance(said := told.get(name), str):
            return said
    return json.dumps(payload, ensure_ascii=False)


def answer_of(wish: Wish, row: QuestionRow, response: Json) -> Any:
    """The answer in a client's response; ``UNSET`` where it says that there is none now.

    >>> row = QuestionRow(id="q", path="", payload=b'"Sure?"', schema=b'{"type": "boolean"}')
    >>> answer_of(wishes([row])[0], row, {"action": "accept", "content": {"answer": True}})
    True
    """
    if wish.method != "elicitation/create":
        return response
    if _is_elicitation(row):
        return {name: response[name] for name in ("action", "content") if response.get(name) is not None}
    if response.get("action") != "accept":
        return {"decision": "reject"} if row.kind == "approval" and response.get("action") == "decline" else UNSET
    content: Json = response.get("content") or {}
    if wish.wrapped == "":
        return content
    given = content.get("answer", UNSET)
    return _parsed(given) if wish.wrapped == "json" else given


def _is_elicitation(row: QuestionRow) -> bool:
    payload: Any = msgspec.json.decode(row.payload)
    return row.kind == "question" and isinstance(payload, dict) and cast("Json", payload).get("kind") == "elicitation"


def _parsed(given: Any) -> Any:
    try:
        return json.loads(given)
    except (TypeError, ValueError):
        return given


def told_of(run_id: str, rows: Sequence[QuestionRow]) -> str:
    """For a client that cannot ask anybody: what is open, and how it is answered.

    A model may hand on what a person says; whether a tool may be called, or has been, a person says elsewhere.
    """
    lines = [f"Run {run_id} waits for a person, and goes on once this is answered:"]
    for row in rows:
        fits = (
            f" The answer must fit {row.schema.decode()}." if row.schema is not None and row.kind == "question" else ""
        )
        lines.append(f"- {row.id}: {words_of(row)}{fits}")
    plain = [row.id for row in rows if row.kind == "question"]
    if plain:
        example = json.dumps({"run_id": run_id, "answers": dict.fromkeys(plain, "...")})
        lines.append(f"Ask the user, then call the tool `{ANSWER}` with {example}.")
    if len(plain) < len(rows):
        lines.append(f"A person must decide in Weft: on its page, or with `weft questions answer {run_id} ...`.")
    return "\n".join(lines)
