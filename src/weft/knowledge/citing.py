"""From an answer and the events of its run to the sources that it cites."""

import re
from collections.abc import Iterable

from weft.events import Event, KnowledgeFound, KnowledgeSource

_CITED = re.compile(r"\[(\d{1,18}(?:\s*,\s*\d{1,18})*)\]")


def cited(text: str, events: Iterable[Event]) -> list[KnowledgeSource]:
    """The sources that an answer cites, in the order in which it does; numbers that were not found are no sources.

    >>> found = KnowledgeFound((KnowledgeSource(7, "tea", "doc_1", "tea.md"), KnowledgeSource(9, "tea", "doc_2", "b")))
    >>> [source.name for source in cited("Green [7], they say [7, 12].", [found])]
    ['tea.md']
    """
    known = {source.n: source for event in events if isinstance(event, KnowledgeFound) for source in event.sources}
    numbers = [int(number) for found in _CITED.finditer(text) for number in found[1].split(",")]
    return [known[n] for n in dict.fromkeys(numbers) if n in known]
