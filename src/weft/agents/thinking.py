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
from weft.messages import Message, Usage, user
from weft.models.base import Answer, Model, Piece, Request, Stream

NO_USAGE = Usage()


async def ask(model: Model, hooks: tuple[Hook, ...], request: Request, ctx: Context[Any]) -> Answer:
    """The model's answer; its pieces are emitted as they come.

    Raises:
        ModelError: the call failed, or the model ended without an answer.
    """
    if ctx.run.recorded is not None and (past := ctx.run.recorded.answer(ctx.path)) is not None:
        return _again(past, ctx)
    if hooks:
        return await _heard(model, _onion(model, hooks, ctx)(request), ctx, None)
    if (purse := ctx.run.meter.purse) is not None:
        await set_aside(purse, model, request, ctx)
    call = _Call(model, ctx)
    try:
        return await _heard(model, model.answer(request), ctx, call)
    except BaseException as error:
        call.failed(error)
        raise


async def _heard(model: Model, stream: Stream, ctx: Context[Any], call: "_Call | None") -> Answer:
    """The answer at the end of the stream; ``call`` is told what comes, where no hook stands between."""
    message_id = ""
    answer: Answer | None = None
    async for piece in stream:
        if isinstance(piece, Answer):
            answer = piece
            if call is not None:
                call.finished(piece)
            continue
        if not message_id:
            message_id = new_id("msg")
            if call is not None:
                call.first = time.time()
        ctx.emit(events.Delta(message_id, piece.text, piece.kind))
    if answer is None:
        raise ModelError(f"model {model.name!r} ended its stream without an answer")
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


class _Call:
    """One call as it is really made, inside all hooks: timed, and on record however it ends."""

    __slots__ = ("_ctx", "_ended", "_model", "_started", "first")

    def __init__(self, model: Model, ctx: Context[Any]) -> None:
        self._model, self._ctx, self._ended = model, ctx, False
        self._started = time.time()
        self.first: float | None = None
        ctx.emit(events.ModelStarted(model.name))

    def finished(self, answer: Answer) -> None:
        self._ended = True
        name = answer.model or self._model.name
        self._ctx.emit(events.ModelFinished(name, answer.usage, self._started, self.first, answer.finish))

    def failed(self, error: BaseException) -> None:
        """It gave no answer, unless it did before."""
        if not self._ended:
            foreign = "bug" if isinstance(error, Exception) else "cancelled"
            code = error.code if isinstance(error, WeftError) else foreign
            self._ctx.emit(events.ModelFailed(self._model.name, code, str(error), self._started))


def _onion(model: Model, hooks: tuple[Hook, ...], ctx: Context[Any]) -> Ask:
    asked: Ask = partial(_called, model, ctx)
    for hook in reversed(hooks):
        asked = partial(_around, hook, ctx, asked)
    return asked


async def _called(model: Model, ctx: Context[Any], request: Request) -> AsyncGenerator[Piece | Answer]:
    if (purse := ctx.run.meter.purse) is not None:
        await set_aside(purse, model, request, ctx)
    call = _Call(model, ctx)
    try:
        async for piece in model.answer(request):
            if isinstance(piece, Answer):
                call.finished(piece)
            elif call.first is None:
                call.first = time.time()
            yield piece
    except BaseException as error:
        call.failed(error)
        raise
    call.failed(ModelError(f"model {model.name!r} ended its stream without an answer"))


def _around(hook: Hook, ctx: Context[Any], next: Ask, request: Request) -> Stream:
    return hook.around_model(ctx, request, next)
