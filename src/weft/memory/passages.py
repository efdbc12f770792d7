"""A long text in passages, each short enough for an embedder to read whole and to be shown by itself."""

import re

LENGTH = 800
"""Characters of a passage, at most: some 200 tokens, as small embedders read 256."""
_BLOCKS = re.compile(r"\n\s*\n")
_LINES = re.compile(r"(?<=[.!?])\s+|\n")


def passages(text: str, most: int = LENGTH) -> list[str]:
    """What follows each other, cut between paragraphs, else between lines and sentences, else between words.

    >>> passages("One. Two.\\n\\nThree is longer.", most=16)
    ['One. Two.', 'Three is longer.']
    >>> passages("")
    ['']
    """
    cut: list[str] = []
    held = ""
    for gap, piece in _pieces(text, most):
        if held and len(held) + len(gap) + len(piece) > most:
            cut.append(held)
            held = piece
        else:
            held = f"{held}{gap}{piece}" if held else piece
    return [*cut, held] if held or not cut else cut


def _pieces(text: str, most: int) -> list[tuple[str, str]]:
    """What is not to be cut, each with what stands before it where it follows something."""
    pieces: list[tuple[str, str]] = []
    for block in _BLOCKS.split(text):
        if len(whole := block.strip()) <= most:
            pieces += [("\n\n", whole)] if whole else []
            continue
        for line in _LINES.split(whole):
            while len(line) > most:
                space = line.rfind(" ", 0, most)
                at = space if space > most // 2 else most
                pieces.append(("\n", line[:at]))
                line = line[at:].strip()
            pieces += [("\n", line)] if line else []
    return pieces
