"""Files that were made to do harm, or are broken: each gives a clear error, in bounded time and memory."""

import asyncio
import resource
import time
import zlib

import pytest

from tests.documents import made
from weft.documents.base import Limits
from weft.documents.reading import read
from weft.errors import Unreadable
from weft.security.apart import Bounds, apart

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY l0 "ha">{LAUGHS}]>'
THEFT = '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>'
BODY = f"<w:document {made.WORD}><w:body><w:p><w:r><w:t>said: &l9;</w:t></w:r></w:p></w:body></w:document>"
DEEP = f"<w:document {made.WORD}><w:body>{'<w:p>' * 100_000}{'</w:p>' * 100_000}</w:body></w:document>"


def flate_bomb(size: int) -> bytes:
    packer, some = zlib.compressobj(1), b"BT /F1 9 Tf (x) Tj ET\n" * 50_000
    stream = b"".join(packer.compress(some) for _ in range(size // len(some))) + packer.flush()
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Filter/FlateDecode/Length " + str(len(stream)).encode() + b">>stream\n" + stream
        + b"\nendstream endobj\ntrailer<</Root 1 0 R>>"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"%PDF-1.7 and nothing else", "it is broken"),
        (made.word()[:-500], "it is broken"),
        (made.packed(word__document_xml=b"<w:document"), "it is broken"),
        (made.packed(word__document_xml=b"<a/>"), "it is broken"),
        (made.packed(word__document_xml=b"\0" * 20_000_000), "20,000,603 bytes once it is unpacked"),
        (made.packed(other_xml="<a/>"), "it is an archive, and no DOCX"),
        (made.packed(word__document_xml=DEEP), "broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a file of an old Office"),
        (b"\x7fELF\0\0\0", "of no kind that can be read"),
        (b"x" * 40_000_000, "40,000,000 bytes, and 30,000,000 are read at most"),
    ],
    ids=["no pdf", "cut", "half xml", "other xml", "zip bomb", "archive", "deep", "locked", "old", "program", "huge"],
)  # fmt: skip
async def test_a_clear_error(body: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=f"^x.dat cannot be read: .*{words}"):
        await read(body, name="x.dat", limits=Limits(bytes=30_000_000, unpacked=15_000_000))


async def test_entities_are_not_opened() -> None:
    assert (await read(made.packed(word__document_xml=THEFT + BODY))).text == "said:"
    with pytest.raises(Unreadable, match="it is broken"):
        await read(made.packed(word__document_xml=BOMB + BODY))


async def test_time_and_memory_are_bounded() -> None:
    bomb = await asyncio.to_thread(flate_bomb, 600_000_000)
    assert len(bomb) < 5_000_000
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unreadable, match=r"memory|takes more than 5 s"):
        await read(bomb, limits=Limits(memory=200_000_000, seconds=5))
    assert time.monotonic() - began < 15
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB, of this process


async def test_what_runs_apart_has_limits_and_walls() -> None:
    with pytest.raises(Unreadable, match=r"takes more than 0\.5 s"):
        await apart("tests.documents.apart:sleeps", b"", bounds=Bounds(seconds=0.5))
    with pytest.raises(Unreadable, match="50,000,000 bytes of memory"):
        await apart("tests.documents.apart:eats", b"", bounds=Bounds(memory=50_000_000))
    with pytest.raises(Unreadable, match="makes more than 1,000 bytes"):
        await apart("tests.documents.apart:echoes", b"x" * 2000, bounds=Bounds(output=1000))
    with pytest.raises(Unreadable, match="its reader died of it"):
        await apart("tests.documents.apart:dies", b"")
    assert await apart("tests.documents.apart:echoes", b"prints do not disturb") == b"prints do not disturb"
    assert await apart("tests.documents.apart:pries", b"") == b"PermissionError PermissionError nothing of ours"
