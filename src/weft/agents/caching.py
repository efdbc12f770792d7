"""Answers that were given before, in the place of a call: found, shown as what they are, and kept."""

import time
from collections.abc import Sequence
from typing import Any

from msgspec import MsgspecError
from msgspec.structs import replace

from weft.engine.context import Context
from weft.errors import StoreError
from weft.events import Custom, ModelFinished, ModelStarted
from weft.ids import new_id
from weft.messages import Usage
from weft.models.base import Answer, Model, Piece, Request
from weft.models.kept import AnswerCache, Kept, decode, digest, encode, place_of

NO_USAGE = Usage()
FAILED = "cache.failed"
"""The event of a cache that could not be read or written: the run goes on without."""


class Known:
    """One request, and where its answer may lie."""

    __slots__ = ("_cache", "_ctx", "_digest", "_model", "_place")

    def __init__(self, cache: AnswerCache, model: Model, request: Request, ctx: Context[Any]) -> None:
        self._cache, self._model, self._ctx = cache, model, ctx
        self._place = place_of(cache, None if ctx.run.store is None else ctx.run.store.answers)
        self._digest = digest(model, request)

    async def found(self) -> Sequence[Piece | Answer] | None:
        """What was said to the same request before: it costs nothing, and the event says where it came from."""
        began = time.time()
        try:
            body = await self._place.find(self._ctx.run.workspace, self._digest)
        except StoreError as error:
            self._failed(error)
            return None
        if body is None:
            return None
        try:
            kept = decode(body)
        except MsgspecError:  # of another release
            return None
        name = kept.answer.model or self._model.name
        self._ctx.emit(ModelStarted(name))
        self._ctx.emit(ModelFinished(name, NO_USAGE, began, time.time(), kept.answer.finish, cached=True))
        message = replace(kept.answer.message, id=new_id("msg"))
        return [*kept.stream()[:-1], replace(kept.answer, message=message)]

    async def keep(self, pieces: Sequence[Piece], answer: Answer) -> None:
        """Whole answers only: one that was cut short or refused is asked for again."""
        if answer.finish not in ("stop", "tool_calls"):
            return
        said = tuple([(each.kind, each.text) for each in pieces])
        free = Answer(message=answer.message, usage=NO_USAGE, finish=answer.finish, model=answer.model)
        run = self._ctx.run
        try:
            await self._place.keep(
                run.workspace,
                self._digest,
                encode(Kept(said, free)),
                ttl=self._cache.ttl,
                user=run.user_id,
                thread_id=run.thread_id,
            )
        except StoreError as error:
            self._failed(error)

    def _failed(self, error: StoreError) -> None:
        self._ctx.emit(Custom(FAILED, {"error": str(error)}))
