"""What answers an MCP server that asks for a model (*sampling*): a model of ours, once a person has said yes.

It stands here, and not among the tools, as it asks a model: what that costs counts as any model call of the run.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import msgspec

from weft.agents.thinking import QUIET, ask
from weft.engine.context import Context
from weft.errors import ModelError, ToolFailed, UsageError
from weft.messages import Json, Media, Message, Part, Text
from weft.models.base import Model, Request
from weft.models.choose import at_hand, resolve

Sample = Callable[[Json, Context[Any]], Awaitable[Json]]
_STOPS = {"stop": "endTurn", "length": "maxTokens"}
_SETTINGS = {"temperature": "temperature", "stopSequences": "stop"}
"""Names of MCP, and of providers."""


def sampling(model: str | Model | None = None, *, approval: bool = True, most: int = 2_000) -> Sample:
    """For ``MCP(..., sample=sampling("openai/gpt-5-mini"))``: what the server asks a model, this one answers.

    With ``approval`` a person sees each question first, and may say no. An answer has ``most`` tokens, or fewer where
    the server wants fewer. It is a model call of the run: budgets hold for it, and the ledger has it. Which model
    answers is not the server's to say; tools and the run's own context are not given.
    """

    async def sample(request: Json, ctx: Context[Any]) -> Json:
        if request.get("tools"):
            raise ToolFailed("a model is lent without tools")
        if approval:
            _approved(request, ctx)
        settings: Json = {there: request[here] for here, there in _SETTINGS.items() if here in request}
        settings["max_tokens"] = max(1, min(most, int(request.get("maxTokens") or most)))
        chosen = at_hand()[0] if model is None else resolve(model)
        try:
            answer = await ask(chosen, QUIET, Request(messages=_messages(request), settings=settings), ctx)
        except (ModelError, UsageError) as error:
            raise ToolFailed(f"the model did not answer: {error}") from None
        return {
            "role": "assistant",
            "model": answer.model or chosen.name,
            "content": {"type": "text", "text": answer.message.text},
            "stopReason": _STOPS.get(answer.finish, answer.finish),
        }

    return sample


def _approved(request: Json, ctx: Context[Any]) -> None:
    """Raises: Interrupted (nobody has said yet), ToolFailed (a person said no)."""
    key = hashlib.sha256(msgspec.json.encode(request, order="sorted")).hexdigest()[:16]
    payload = {"kind": "sampling", "question": "A server asks for an answer of a model. Ask it?", "request": request}
    if ctx.ask(payload, schema={"type": "boolean"}, key=f"sample#{key}") is not True:
        raise ToolFailed("a person said no")


def _messages(request: Json) -> list[Message]:
    words = request.get("systemPrompt")
    said = [Message(role="system", parts=(Text(words),))] if isinstance(words, str) and words else []
    for each in cast("Sequence[Json]", request.get("messages") or ()):
        content: Any = each.get("content")
        parts = tuple([_part(one) for one in (cast("list[Json]", content) if isinstance(content, list) else [content])])
        said.append(Message(role="assistant" if each.get("role") == "assistant" else "user", parts=parts))
    return said


def _part(content: Json) -> Part:
    """Raises: ToolFailed."""
    match content.get("type"):
        case "text":
            return Text(str(content.get("text", "")))
        case "image" | "audio":
            try:
                return Media(mime=str(content.get("mimeType")), data=base64.b64decode(content["data"], validate=True))
            except (KeyError, ValueError, TypeError):
                raise ToolFailed("the server sent a picture or a sound that is none") from None
        case other:
            raise ToolFailed(f"a model is not asked about {other!r}")
