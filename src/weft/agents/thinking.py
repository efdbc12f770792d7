"""One model call of an agent: paid for, streamed, timed, and ended by exactly one answer."""

import time
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from weft import events
from weft.agents.hooks import Ask, Hook
from weft.agents.paying import set_aside
from weft.engine.context import Context
from weft.errors import ModelError, WeftError
from weft.ids import new_id
from weft.memory.window import SUMMARISE
from weft.messages import Message, user
from weft.models.base import Answer, Model, Piece, Request, Stream


async def ask(model: Model, hooks: tuple[Hook, ...], request: Request, ctx: Context[Any]) -> Answer:
    """The model's answer; its pieces are emitted as they come.

    Raises:
        ModelError: the call failed, or the model ended without an answer.
    """
    asked: Ask = partial(_called, model, ctx)
    for hook in reversed(hooks):
        asked = partial(_around, hook, ctx, asked)
    message_id = ""
    answer: Answer | None = None
    async for piece in asked(request):
        if isinstance(piece, Answer):
            answer = piece
            continue
        if not message_id:
            message_id = new_id("msg")
        ctx.emit(events.Delta(message_id, piece.text, piece.kind))
    if answer is None:
        raise ModelError(f"model {model.name!r} ended its stream without an answer")
    if message_id:
        answer = replace(answer, message=replace(answer.message, id=message_id))
    return answer


async def summary(model: Model, said: Sequence[Message], before: str | None, ctx: Context[Any]) -> str:
    """A rolling summary: what was in the last one, and what leaves the context now."""
    head = [user(f"Summary of what was said before:\n{before}")] if before else []
    request = Request(messages=[*head, *said, user(SUMMARISE)])
    return (await ask(model, (), request, ctx)).message.text


async def _called(model: Model, ctx: Context[Any], request: Request) -> AsyncGenerator[Piece | Answer]:
    """One call as it is really made, inside all hooks: paid for, timed, and on record however it ends."""
    if (purse := ctx.run.meter.purse) is not None:
        await set_aside(purse, model, request, ctx)
    started = time.time()
    first: float | None = None
    ended = False
    ctx.emit(events.ModelStarted(model.name))
    try:
        async for piece in model.answer(request):
            if isinstance(piece, Answer):
                ended = True
                ctx.emit(events.ModelFinished(piece.model or model.name, piece.usage, started, first, piece.finish))
            elif first is None:
                first = time.time()
            yield piece
    except BaseException as error:
        if not ended:
            ctx.emit(_failed(model, error, started))
        raise
    if not ended:
        ctx.emit(_failed(model, ModelError("it ended without an answer"), started))


def _failed(model: Model, error: BaseException, started: float) -> events.ModelFailed:
    code = error.code if isinstance(error, WeftError) else "bug" if isinstance(error, Exception) else "cancelled"
    return events.ModelFailed(model.name, code, str(error), started)


def _around(hook: Hook, ctx: Context[Any], next: Ask, request: Request) -> Stream:
    return hook.around_model(ctx, request, next)
