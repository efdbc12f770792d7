"""One model call of an agent: streamed, timed, and ended by exactly one answer."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from weft import events
from weft.agents.hooks import Ask, Hook
from weft.engine.context import Context
from weft.errors import ModelError
from weft.ids import new_id
from weft.memory.window import SUMMARISE
from weft.messages import Message, Usage, user
from weft.models.base import Answer, Model, Request, Stream

NO_USAGE = Usage()


async def ask(model: Model, hooks: tuple[Hook, ...], request: Request, ctx: Context[Any]) -> Answer:
    """The model's answer; its pieces are emitted as they come.

    Raises:
        ModelError: the call failed, or the model ended without an answer.
    """
    if ctx.run.recorded is not None and (past := ctx.run.recorded.answer(ctx.path)) is not None:
        return _again(past, ctx)
    stream = model.answer
    if hooks:
        stream = _onion(model, hooks, ctx)
    started = time.time()
    first: float | None = None
    message_id = ""
    ctx.emit(events.ModelStarted(model.name))
    answer: Answer | None = None
    async for piece in stream(request):
        if isinstance(piece, Answer):
            answer = piece
            continue
        if first is None:
            first = time.time()
            message_id = new_id("msg")
        ctx.emit(events.Delta(message_id, piece.text, piece.kind))
    if answer is None:
        raise ModelError(f"model {model.name!r} ended its stream without an answer")
    ctx.emit(events.ModelFinished(answer.model or model.name, answer.usage, started, first, answer.finish))
    if message_id:
        answer = replace(answer, message=replace(answer.message, id=message_id))
    return answer


def _again(past: Any, ctx: Context[Any]) -> Answer:
    """The answer as it was, at no cost."""
    now = time.time()
    ctx.emit(events.ModelStarted(past.model))
    ctx.emit(events.ModelFinished(past.model, NO_USAGE, now, None, past.finish))
    return Answer(message=past.message, model=past.model, finish=past.finish)


async def summary(model: Model, said: Sequence[Message], before: str | None, ctx: Context[Any]) -> str:
    """A rolling summary: what was in the last one, and what leaves the context now."""
    head = [user(f"Summary of what was said before:\n{before}")] if before else []
    request = Request(messages=[*head, *said, user(SUMMARISE)])
    return (await ask(model, (), request, ctx)).message.text


def _onion(model: Model, hooks: tuple[Hook, ...], ctx: Context[Any]) -> Ask:
    asked: Ask = model.answer
    for hook in reversed(hooks):
        asked = partial(_around, hook, ctx, asked)
    return asked


def _around(hook: Hook, ctx: Context[Any], next: Ask, request: Request) -> Stream:
    return hook.around_model(ctx, request, next)
