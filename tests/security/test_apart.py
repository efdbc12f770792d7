"""Work in a process apart ends, however it ends."""

import asyncio

from weft.errors import Unreadable
from weft.security.apart import Bounds, apart


def huge(request: bytes) -> bytes:
    """Work: more than anybody wants to hear."""
    return b"x" * 30_000_000


async def test_what_says_too_much_ends_at_once() -> None:
    """Whatever of it was on its way when it was ended: many tries, as that is chance."""
    tries = [apart("tests.security.test_apart:huge", b"", bounds=Bounds(output=20_000_000)) for _ in range(40)]
    async with asyncio.timeout(60):
        ended = await asyncio.gather(*tries, return_exceptions=True)
    assert [str(error) for error in ended] == ["it makes more than 20,000,000 bytes"] * 40
    assert {type(error) for error in ended} == {Unreadable}
