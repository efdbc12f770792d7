"""What goes into a program and what comes out of it, until it has ended."""

import asyncio
from contextlib import suppress


async def feed(stream: asyncio.StreamWriter, content: bytes) -> None:
    """All of its input; one that has ended, or does not want it, is no error."""
    with suppress(ConnectionError):
        stream.write(content)
        await stream.drain()
        stream.close()


async def drained(stream: asyncio.StreamReader) -> None:
    """What is left of its output, for nobody: before all is read asyncio does not tell that a program has ended."""
    while await stream.read(65536):
        pass
