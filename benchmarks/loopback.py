"""An OpenAI-compatible server of eighty lines that says words: prints its port and serves.

How many words stands in the path: ``/3/chat/completions`` streams three, ``/whole-3/...`` says them at once.
"""

import asyncio
import json
from functools import cache

_BASE = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
_USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    return _line({**_BASE, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _line(body: object) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


@cache
def answer(asked: bytes) -> bytes:
    """A reply, headers and all."""
    said, _, words = asked.rpartition(b"-")
    return _whole(int(words)) if said else _streamed(int(words))


def _whole(words: int) -> bytes:
    message = {"role": "assistant", "content": "".join([f"word{number} " for number in range(words)])}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = json.dumps({**_BASE, "object": "chat.completion", "choices": choices, "usage": _USAGE}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def _streamed(words: int) -> bytes:
    body = b"".join(
        [
            _chunk({"role": "assistant", "content": ""}),
            *[_chunk({"content": f"word{number} "}) for number in range(words)],
            _chunk({}, "stop"),
            _line({**_BASE, "choices": [], "usage": _USAGE}),
            b"data: [DONE]\n\n",
        ]
    )
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request of one connection."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            words = head.split(b"/", 2)[1]
            writer.write(answer(words))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
