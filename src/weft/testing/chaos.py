"""A model that fails as real ones do, at given rates: to see what an agent makes of it before its users do."""

import random
from collections.abc import AsyncIterator

from msgspec.structs import replace

from weft.errors import ModelUnavailable, RateLimited, UsageError
from weft.messages import ToolCall
from weft.models.base import Answer, Model, Piece, Request, close
from weft.models.capabilities import Capabilities, awake, capabilities
from weft.models.prices import Price, Priced, named_price


class Chaos:
    """``model``, with trouble. The same ``seed`` and the same order of calls give the same trouble.

    >>> from weft import Agent
    >>> from weft.testing import Demo
    >>> Agent("brave", model=Chaos(Demo(delay=0), rate_limits=0.3, cut_streams=0.1, seed=3)).run_sync("Hello").status
    'finished'
    """

    def __init__(
        self,
        model: Model,
        *,
        timeouts: float = 0.0,
        rate_limits: float = 0.0,
        cut_streams: float = 0.0,
        malformed_tool_calls: float = 0.0,
        seed: int | None = None,
    ) -> None:
        """
        Args:
            timeouts: the part of calls (0 to 1) that nobody answers.
            rate_limits: the part of calls that are refused for now.
            cut_streams: the part of answers that break off after some piece.
            malformed_tool_calls: the part of tool calls whose arguments are no JSON.

        Raises:
            UsageError: a rate is none, or the first three are more than all calls.
        """
        rates = (timeouts, rate_limits, cut_streams)
        if not all([0 <= rate <= 1 for rate in (*rates, malformed_tool_calls)]) or sum(rates) > 1:
            raise UsageError("rates are parts from 0 to 1; timeouts, rate_limits and cut_streams exclude each other")
        self._model = model
        self._timeouts, self._limits, self._cuts = timeouts, timeouts + rate_limits, sum(rates)
        self._malformed = malformed_tool_calls
        self._dice = random.Random(seed)
        self.name = model.name
        self.caused: list[str] = []
        """What was done, in order: ``timeout``, ``rate_limit``, ``cut_stream``, ``malformed_call``."""

    @property
    def capabilities(self) -> Capabilities:
        return capabilities(self._model)

    @property
    def price(self) -> Price | None:
        """The model's own: what a budget sets aside for a call is the same with trouble."""
        return self._model.price if isinstance(self._model, Priced) else named_price(self._model.name)

    async def wake(self) -> None:
        """See ``capabilities.Waking``."""
        await awake(self._model)

    async def answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        """See ``Model.answer``."""
        fate = self._dice.random()
        if fate < self._timeouts:
            self.caused.append("timeout")
            raise ModelUnavailable(f"{self.name}: no word in time (chaos)")
        if fate < self._limits:
            self.caused.append("rate_limit")
            raise RateLimited(f"{self.name}: too many requests (chaos)")
        left = self._dice.randrange(4) if fate < self._cuts else -1
        stream = self._model.answer(request)
        try:
            async for each in stream:
                if left == 0 or (left > 0 and isinstance(each, Answer)):
                    self.caused.append("cut_stream")
                    raise ModelUnavailable(f"{self.name}: the stream was cut (chaos)")
                left -= 1
                yield each if isinstance(each, Piece) else self._spoilt(each)
        finally:
            await close(stream)

    def _spoilt(self, answer: Answer) -> Answer:
        parts = tuple(
            [self._spoilt_call(part) if isinstance(part, ToolCall) else part for part in answer.message.parts]
        )
        return (
            answer if parts == answer.message.parts else replace(answer, message=replace(answer.message, parts=parts))
        )

    def _spoilt_call(self, call: ToolCall) -> ToolCall:
        if self._dice.random() >= self._malformed:
            return call
        self.caused.append("malformed_call")
        return replace(call, arguments={}, invalid='{"' + call.name)
