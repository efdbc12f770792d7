"""A model that says what it was told to say: for tests, documentation and benchmarks. It is exact and nearly free."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from weft.errors import UsageError
from weft.ids import new_id
from weft.messages import Finish, Message, Part, Reasoning, Text, ToolCall, Usage
from weft.models.base import Answer, Piece, Request
from weft.models.capabilities import Capabilities
from weft.models.prices import FREE, Price

Line: TypeAlias = "str | ToolCall | Sequence[ToolCall] | Exception | Message | Answer | Callable[[Request], Line]"
"""Words, calls, a failure, a whole message or answer, or a function that sees the request and gives one of these."""

_WORDS = re.compile(r"\s*\S+\s*")


def call(name: str, /, **arguments: Any) -> ToolCall:
    """A call of the tool ``name``.

    >>> call("add", a=1, b=2).arguments
    {'a': 1, 'b': 2}
    """
    return ToolCall(id=new_id("call"), name=name, arguments=arguments)


class Scripted:
    """Answers each request with the next line, and keeps what it was asked in ``asked``.

    >>> from weft.messages import user
    >>> async def said():
    ...     model = Scripted(["Hello there"], by="word")
    ...     return [each.text for each in [p async for p in model.answer(Request(messages=[user("Hi")]))][:-1]]
    >>> asyncio.run(said())
    ['Hello ', 'there']
    """

    def __init__(
        self,
        lines: Sequence[Line],
        *,
        name: str = "scripted",
        by: Literal["whole", "word"] = "whole",
        order: Literal["next", "repeat", "turn"] = "next",
        delay: float = 0.0,
        capabilities: Capabilities | None = None,
        price: Price | None = FREE,
    ) -> None:
        """
        Args:
            by: in one piece, or word by word.
            order: the next line, once each; again from the first at the end; or by ``turn``: a request with n
                assistant messages after its last user message gets line n, so that any number of runs may use
                one script at once.
            delay: seconds before each piece.
            capabilities: what the model claims to be able to do.
            price: what it claims to cost, for budgets; the usage of its answers is as the script says.
        """
        self._lines = [_prepared(line, by) for line in lines]
        self._order = order
        self._delay = delay
        self._next = 0
        self.name = name
        self.price = price
        self.capabilities = capabilities or Capabilities(output="native", images=True, reasoning=True)
        self.asked: list[Request] = []

    async def answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        """See ``Model.answer``.

        Raises:
            UsageError: the script is at its end.
        """
        self.asked.append(request)
        line = self._line(request)
        while line.ask is not None:
            line = _prepared(line.ask(request), line.by)
        if line.failure is not None:
            raise line.failure.with_traceback(None)
        for piece in line.pieces:
            if self._delay:
                await asyncio.sleep(self._delay)
            yield piece
        yield line.answer(self.name)

    def _line(self, request: Request) -> "_Prepared":
        number = self._turn(request) if self._order == "turn" else self._next
        self._next += 1
        if self._order == "repeat" and self._lines:
            number %= len(self._lines)
        if number >= len(self._lines):
            raise UsageError(
                f"the script of {self.name!r} is at its end: it has {len(self._lines)} lines, and this is one more; "
                f"the last message was {(request.messages[-1].text if request.messages else '')[:80]!r}"
            )
        return self._lines[number]

    def _turn(self, request: Request) -> int:
        count = 0
        for message in reversed(request.messages):
            if message.role == "user":
                break
            count += message.role == "assistant"
        return count


class _Prepared:
    """A line, made ready once, so that saying it costs next to nothing."""

    __slots__ = ("_answer", "_finish", "_parts", "_said", "_usage", "ask", "by", "failure", "pieces")

    def __init__(self, line: Line, by: Literal["whole", "word"]) -> None:
        self.by: Literal["whole", "word"] = by
        self.ask: Callable[[Request], Line] | None = None
        self.failure: Exception | None = None
        self.pieces: tuple[Piece, ...] = ()
        self._answer: Answer | None = line if isinstance(line, Answer) else None
        self._parts: tuple[Part, ...] = ()
        self._finish: Finish = "stop"
        self._usage = Usage()
        self._said = False
        if isinstance(line, Exception):
            self.failure = line
        elif callable(line):
            self.ask = line
        else:
            self._prepare(_parts(line))

    def _prepare(self, parts: tuple[Part, ...]) -> None:
        self._parts = parts
        self.pieces = tuple(
            Piece(words, "text" if isinstance(part, Text) else "reasoning")
            for part in parts
            if isinstance(part, Text | Reasoning)
            for words in (_WORDS.findall(part.text) or [part.text] if self.by == "word" else [part.text])
            if words
        )
        if any(isinstance(part, ToolCall) for part in parts):
            self._finish = "tool_calls"
        self._usage = Usage(requests=1, input_tokens=1, output_tokens=max(1, len(self.pieces)))

    def answer(self, name: str) -> Answer:
        parts = self._parts
        if self._said and self._finish == "tool_calls":
            parts = tuple(_renewed(part) for part in parts)
        elif self._answer is not None and not self._said:
            self._said = True
            return self._answer
        self._said = True
        message = Message(role="assistant", parts=parts)
        if self._answer is not None:
            return msgspec.structs.replace(self._answer, message=message)
        return Answer(message=message, usage=self._usage, finish=self._finish, model=name)


def _prepared(line: Line, by: Literal["whole", "word"]) -> _Prepared:
    return _Prepared(line, by)


def _parts(line: str | ToolCall | Sequence[ToolCall] | Message | Answer) -> tuple[Part, ...]:
    if isinstance(line, str):
        return (Text(line),)
    if isinstance(line, ToolCall):
        return (line,)
    if isinstance(line, Message):
        return line.parts
    return line.message.parts if isinstance(line, Answer) else tuple(line)


def _renewed(part: Part) -> Part:
    """A line that is said twice makes two calls, and each has an id of its own."""
    return msgspec.structs.replace(part, id=new_id("call")) if isinstance(part, ToolCall) else part
