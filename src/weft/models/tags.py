"""Thoughts that a model writes between tags before its words: ``<think>...</think>``, cut anywhere by a stream."""

from collections.abc import Sequence
from dataclasses import dataclass

from weft.models.base import Piece

_OPENING = ("<think>", "<thinking>", "<thought>")
"""As open models write it, as old prompts have it, and as Google does in OpenAI's format."""
_BEFORE = frozenset(["", " ", "\n", "\r", "\t", "<"])
"""What a tag may begin with; nearly all answers begin with something else."""


@dataclass(slots=True)
class Tagged:
    """The words of an answer, read until it is clear that no thought comes before them.

    >>> tagged = Tagged()
    >>> said = [each for text in ("<th", "ink>Hm, ", "yes</thi", "nk>\\n\\nYes", ".") for each in tagged.read(text)]
    >>> [(each.kind, each.text) for each in said]
    [('reasoning', 'Hm, '), ('reasoning', 'yes'), ('text', 'Yes'), ('text', '.')]
    """

    over: bool = False
    """All that follows is words."""
    _held: str = ""
    _closing: str = ""
    """The tag that ends the thought that has begun."""
    _thinks: bool = False
    """Some of the thought was shown."""
    _thought: bool = False
    """There was one, and only space since."""

    def read(self, text: str) -> Sequence[Piece]:
        """What is clear by now; the rest is held back."""
        if not (self._held or self._closing or self._thought) and text[:1] not in _BEFORE:
            self.over = True
            return (Piece(text),)
        self._held += text
        if self._closing:
            return self._thinking()
        begun = self._held.lstrip()
        opening = next((tag for tag in _OPENING if begun.startswith(tag)), None)
        if opening is not None and not self._thought:
            self._closing = f"</{opening[1:]}"
            self._held = begun[len(opening) :]
            return self._thinking()
        if self._thought:
            self._held = begun
        if not begun or (not self._thought and any([tag.startswith(begun) for tag in _OPENING])):
            return ()
        return self.rest()

    def rest(self) -> Sequence[Piece]:
        """What was held back, as nothing follows that could change what it is."""
        held, self._held, self.over = self._held, "", True
        if not held:
            return ()
        return (Piece(held, "reasoning") if self._closing else Piece(held),)

    def _thinking(self) -> Sequence[Piece]:
        if not self._thinks:
            self._held = self._held.lstrip()
        thought, closed, words = self._held.partition(self._closing)
        if not closed:
            kept = _end_like(self._held, self._closing)
            thought, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
            self._thinks = self._thinks or bool(thought)
            return (Piece(thought, "reasoning"),) if thought else ()
        self._closing, self._thought, self._held = "", True, ""
        thoughts = (Piece(thought, "reasoning"),) if thought else ()
        return (*thoughts, *self.read(words))


def _end_like(text: str, tag: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``tag``.

    >>> _end_like("yes</th", "</think>"), _end_like("yes", "</think>")
    (4, 0)
    """
    return next((size for size in range(len(tag) - 1, 0, -1) if text.endswith(tag[:size])), 0)
