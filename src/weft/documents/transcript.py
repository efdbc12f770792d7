"""Reads transcripts, WebVTT and SubRip: what each speaker says until another does, with the time it begins at."""

import re
from collections.abc import Iterator

from msgspec import Struct

from weft.documents.base import Block, Read
from weft.documents.inside import Asked
from weft.documents.plain import words

_TIMES = re.compile(r"\s*((?:\d+:)?\d{1,2}:\d{2})[.,]\d{1,3}\s*-->")
_VOICE = re.compile(r"<v(?:\.[\w.]+)?\s+([^>]+)>")
_NAMED = re.compile(r"([A-Z][\w .'-]{0,40}):\s+(?=\S)")
_TAG = re.compile(r"<[^<>]*>")
_LONG = 800
"""Characters after which what is said becomes another paragraph."""


class _Cue(Struct, frozen=True):
    at: str
    speaker: str
    text: str


def read(asked: Asked) -> Read:
    """
    >>> told = b"WEBVTT\\n\\n00:01.000 --> 00:02.000\\n<v Ada>Hello\\n\\n00:03.000 --> 00:04.000\\n<v Ada>there."
    >>> [block.text for block in read(Asked(kind="transcript", body=told)).blocks]
    ['[00:01] Ada: Hello there.']
    """
    return Read(blocks=_blocks(_cues(words(asked.body))))


def _cues(text: str) -> Iterator[_Cue]:
    for part in re.split(r"\n\s*\n", text):
        lines = part.split("\n")
        at = next((number for number, line in enumerate(lines) if _TIMES.match(line)), None)
        if at is None or (found := _TIMES.match(lines[at])) is None:
            continue
        said = " ".join(lines[at + 1 :])
        voice = _VOICE.search(said)
        said = _TAG.sub("", said).strip()
        named = None if voice else _NAMED.match(said)
        speaker = voice[1].strip() if voice else named[1] if named else ""
        if said:
            yield _Cue(found[1], speaker, said[named.end() :] if named else said)


def _blocks(cues: Iterator[_Cue]) -> Iterator[Block]:
    held: list[_Cue] = []
    for cue in cues:
        if held and (cue.speaker not in ("", held[0].speaker) or sum(len(each.text) for each in held) > _LONG):
            yield _block(held)
            held = []
        held.append(cue)
    if held:
        yield _block(held)


def _block(cues: list[_Cue]) -> Block:
    first = cues[0]
    speaker = f"{first.speaker}: " if first.speaker else ""
    return Block(what="paragraph", text=f"[{first.at}] {speaker}{' '.join([cue.text for cue in cues])}")
