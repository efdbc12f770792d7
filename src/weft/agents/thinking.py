"""One model call of an agent: paid for, streamed, timed, and ended by exactly one answer."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from weft import events
from weft.agents.caching import Known
from weft.agents.hooks import Ask, Hook
from weft.agents.paying import set_aside
from weft.engine.context import Context
from weft.errors import ModelError, WeftError
from weft.ids import new_id
from weft.memory.window import SUMMARISE
from weft.messages import Message, Usage, user
from weft.models.base import Answer, Model, Piece, Request, Stream
from weft.models.kept import AnswerCache

NO_USAGE = Usage()


class Way(NamedTuple):
    """How an agent asks: what stands around a call, and what is shown of it."""

    hooks: tuple[Hook, ...] = ()
    cache: AnswerCache | None = None
    quiet: bool = False
    """Nothing is shown."""
    as_thought: bool = False
    """Its words are shown as thoughts: another model has the last word."""
    message_id: str = ""
    """Of the message that it goes into."""


PLAIN = Way()
QUIET = Way(quiet=True)


async def ask(model: Model, way: Way, request: Request, ctx: Context[Any]) -> Answer:
    """The model's answer; its pieces are emitted as they come.

    Raises:
        ModelError: the call failed, or the model ended without an answer.
    """
    if ctx.run.recorded is not None and (past := ctx.run.recorded.answer(ctx.path)) is not None:
        return _again(past, ctx)
    if way.hooks or way.cache is not None:
        return await _heard(model, _onion(model, way, ctx)(request), ctx, None, way)
    if (purse := ctx.run.meter.purse) is not None:
        await set_aside(purse, model, request, ctx)
    call = _Call(model, ctx)
    try:
        return await _heard(model, model.answer(request), ctx, call, way)
    except BaseException as error:
        call.failed(error)
        raise


async def _heard(model: Model, stream: Stream, ctx: Context[Any], call: "_Call | None", way: Way) -> Answer:
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
            message_id = way.message_id or new_id("msg")
            if call is not None:
                call.first = events.now()
        if not way.quiet:
            ctx.emit(events.Delta(message_id, piece.text, "reasoning" if way.as_thought else piece.kind))
    if answer is None:
        raise ModelError(f"model {model.name!r} ended its stream without an answer")
    if message_id:
        answer = replace(answer, message=replace(answer.message, id=message_id))
    return answer


def _tell(attempts: Sequence[Any], ctx: Context[Any], *, last: bool) -> None:
    """What a router tried before it had an answer, or (``last``) gave up: each a failed call of its own.

    What was set aside for the call is for all of them.
    """
    for number, each in enumerate(attempts, 1):
        replaced = not (last and number == len(attempts))
        ctx.emit(events.ModelFailed(each.model, each.code, each.message, each.started_at, replaced, each.ended_at))


def _again(past: Any, ctx: Context[Any]) -> Answer:
    """The answer as it was, at no cost."""
    now = events.now()
    ctx.emit(events.ModelStarted(past.model))
    ctx.emit(events.ModelFinished(past.model, NO_USAGE, now, None, past.finish))
    return Answer(message=past.message, model=past.model, finish=past.finish)


async def summary(model: Model, said: Sequence[Message], before: str | None, ctx: Context[Any]) -> str:
    """A rolling summary: what was in the last one, and what leaves the context now."""
    head = [user(f"Summary of what was said before:\n{before}")] if before else []
    request = Request(messages=[*head, *said, user(SUMMARISE)])
    return (await ask(model, PLAIN, request, ctx)).message.text


class _Call:
    """One call as it is really made, inside all hooks: timed, and on record however it ends."""

    __slots__ = ("_ctx", "_ended", "_model", "_started", "first")

    def __init__(self, model: Model, ctx: Context[Any]) -> None:
        self._model, self._ctx, self._ended = model, ctx, False
        self._started = events.now()
        self.first: float | None = None
        ctx.emit(events.ModelStarted(model.name))

    def finished(self, answer: Answer) -> None:
        self._ended = True
        _tell(answer.attempts, self._ctx, last=False)
        name = answer.model or self._model.name
        self._ctx.emit(events.ModelFinished(name, answer.usage, self._started, self.first, answer.finish))

    def failed(self, error: BaseException) -> None:
        """It gave no answer, unless it did before. Of a router, every attempt failed."""
        if not self._ended and isinstance(error, ModelError) and error.attempts:
            _tell(error.attempts, self._ctx, last=True)
        elif not self._ended:
            foreign = "bug" if isinstance(error, Exception) else "cancelled"
            code = error.code if isinstance(error, WeftError) else foreign
            self._ctx.emit(events.ModelFailed(self._model.name, code, str(error), self._started))


def _onion(model: Model, way: Way, ctx: Context[Any]) -> Ask:
    asked: Ask = partial(_called if way.cache is None else partial(_known, way.cache), model, ctx)
    for hook in reversed(way.hooks):
        asked = partial(_around, hook, ctx, asked)
    return asked


async def _known(
    cache: AnswerCache, model: Model, ctx: Context[Any], request: Request
) -> AsyncGenerator[Piece | Answer]:
    """What was said to the same request before, else what the model says now, which is kept."""
    known = Known(cache, model, request, ctx)
    if (found := await known.found()) is not None:
        for each in found:
            yield each
        return
    pieces: list[Piece] = []
    async with aclosing(_called(model, ctx, request)) as stream:
        async for each in stream:
            if isinstance(each, Answer):
                await known.keep(pieces, each)
            else:
                pieces.append(each)
            yield each


async def _called(model: Model, ctx: Context[Any], request: Request) -> AsyncGenerator[Piece | Answer]:
    if (purse := ctx.run.meter.purse) is not None:
        await set_aside(purse, model, request, ctx)
    call = _Call(model, ctx)
    try:
        async for piece in model.answer(request):
            if isinstance(piece, Answer):
                call.finished(piece)
            elif call.first is None:
                call.first = events.now()
            yield piece
    except BaseException as error:
        call.failed(error)
        raise
    call.failed(ModelError(f"model {model.name!r} ended its stream without an answer"))


def _around(hook: Hook, ctx: Context[Any], next: Ask, request: Request) -> Stream:
    return hook.around_model(ctx, request, next)
