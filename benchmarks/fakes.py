"""A model that costs next to nothing, and the same conversation written by hand."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from weft.messages import Message, Text, ToolCall, Usage
from weft.models.base import Answer, Piece, Request

PARTS = 5
"""Tools that are called side by side in the parallel row."""


class Fake:
    """Calls ``count`` tools one after the other (each ``width`` times side by side), then says a word.

    How far it is, it reads from the last tool result, so one object serves any number of runs.
    """

    def __init__(self, count: int = 0, *, width: int = 1, chunks: int = 1, hold: asyncio.Event | None = None) -> None:
        self.name = "fake"
        self._count, self._width, self._chunks, self._hold = count, width, chunks, hold
        self._usage = Usage(requests=1, input_tokens=10, output_tokens=5)

    async def answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        if self._hold is not None:
            await self._hold.wait()
        done = self._done(request.messages[-1])
        if done < self._count:
            calls = tuple(
                ToolCall(id=f"c{done}.{index}", name="add", arguments={"a": done, "b": 1})
                for index in range(self._width)
            )
            yield Answer(message=Message(role="assistant", parts=calls), usage=self._usage, finish="tool_calls")
            return
        for _ in range(self._chunks):
            yield Piece("word ")
        yield Answer(message=Message(role="assistant", parts=(Text("word " * self._chunks),)), usage=self._usage)

    def _done(self, message: Message) -> int:
        results = message.tool_results
        if not results:
            return 0
        return self._count if results[-1].failed else int(results[-1].content)


async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


# By hand: what remains when everything that a framework is for is left out.


async def _says(messages: list[dict[str, Any]], count: int, width: int, chunks: int) -> AsyncIterator[Any]:
    last = messages[-1]
    done = last["content"] if last["role"] == "tool" else 0
    if done < count:
        yield [{"id": index, "a": done, "b": 1} for index in range(width)]
        return
    for _ in range(chunks):
        yield "word "
    yield None


async def by_hand(count: int = 0, *, width: int = 1, chunks: int = 1) -> str:
    """One turn: a user's words, ``count`` rounds of tools, an answer."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
    while True:
        words: list[str] = []
        calls: list[dict[str, Any]] = []
        async for piece in _says(messages, count, width, chunks):
            if isinstance(piece, str):
                words.append(piece)
            elif piece:
                calls = piece
        if not calls:
            return "".join(words)
        messages.append({"role": "assistant", "calls": calls})
        if len(calls) == 1:
            results = [await add(calls[0]["a"], calls[0]["b"])]
        else:
            results = await asyncio.gather(*[add(call["a"], call["b"]) for call in calls])
        messages += [{"role": "tool", "content": result} for result in results]
