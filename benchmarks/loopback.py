"""An OpenAI-compatible server of fifty lines that streams a few words: prints its port and serves."""

import asyncio
import json

_BASE = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
_USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    return _line({**_BASE, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _line(body: object) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


BODY = b"".join(
    [
        _chunk({"role": "assistant", "content": ""}),
        *[_chunk({"content": word}) for word in ("one ", "two ", "three")],
        _chunk({}, "stop"),
        _line({**_BASE, "choices": [], "usage": _USAGE}),
        b"data: [DONE]\n\n",
    ]
)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request of one connection alike."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
