"""What becomes of something new: pure rules, the same whoever writes and in whichever order.

Who says the same again says nothing new. What has an attribute (where somebody lives, what something costs) has
one value at a time: each value holds until the next one begins. A relation (who knows whom) has many, each of which
holds until it is denied. A tool's word ends no other's: it stands beside it, as a tool's. Nothing is overwritten;
everything else is added.
"""

import json
from collections.abc import Sequence
from hashlib import blake2b

from msgspec.structs import replace

from weft.errors import UsageError
from weft.storage.memory_rows import MemoryRow, Trust

RELIED: dict[Trust, int] = {"tool": 0, "agent": 1, "person": 2}
"""How much a word counts beside others."""
_NOT = "not "
PROFILE = "profile"
"""The subject of the fields of a profile."""


def fold(name: str) -> str:
    """A name as it is compared: nothing is guessed but that case and spaces do not tell names apart.

    >>> fold(" Ada  Lovelace ")
    'ada lovelace'
    """
    return " ".join(name.casefold().split())


def denied(relation: str) -> bool:
    """Whether it says that somebody is not, or no more, so connected."""
    return relation.startswith(_NOT)


def denial(relation: str) -> str:
    """The relation that ends this one.

    >>> denial("knows"), denial("not knows")
    ('not knows', 'knows')
    """
    return relation.removeprefix(_NOT) if denied(relation) else _NOT + relation


def digest(
    kind: str, text: str, subject: str, attribute: str, valid_from: float, *, relation: str = "", object: str = ""
) -> bytes:
    """What says whether two memories are the same: a value counts from its time on, other words once."""
    begins = repr(valid_from) if attribute or relation else ""
    edge = (relation, fold(object)) if object else ()
    words = "\x1f".join((kind, " ".join(text.casefold().split()), subject, attribute, begins, *edge))
    return blake2b(words.encode(), digest_size=16).digest()


def place(new: MemoryRow, known: Sequence[MemoryRow]) -> list[MemoryRow]:
    """The versions to write for ``new``, given the newest versions of what it may touch."""
    if any(row.digest == new.digest for row in known):
        return []
    return _on_time_line(new, known) if new.attribute or new.relation else [new]


def _on_time_line(new: MemoryRow, known: Sequence[MemoryRow]) -> list[MemoryRow]:
    line = sorted([new, *known], key=lambda row: (row.valid_from, RELIED[row.trust], row.digest))
    written: list[MemoryRow] = []
    following: dict[tuple[str, bool], float] = {}
    """When the next statement begins, of each relation; of any word, and of one that is not a tool's."""
    for row in reversed(line):
        says, ends_it = ("", "") if row.attribute else (row.relation, denial(row.relation))
        rival = following.get((ends_it, row.trust != "tool"))
        following[says, False] = row.valid_from
        if row.trust != "tool":
            following[says, True] = row.valid_from
        ends = row.until if rival is None else min(rival, row.until or rival)
        if row is new:
            new = replace(row, valid_to=ends)
        elif row.valid_to != ends:
            written.append(replace(row, valid_to=ends, version=row.version + 1, known_from=new.known_from))
    return [new, *reversed(written)]


def check_field(text: str, subject: str, attribute: str) -> None:
    """
    >>> check_field('diet: "vegan"', "profile", "diet")

    Raises:
        UsageError: a memory of kind ``profile`` is to be written that is no field of a profile.
    """
    name, colon, value = text.strip().partition(": ")
    try:
        json.loads(value)
    except ValueError:
        colon = ""
    if not colon or subject != PROFILE or not attribute or name != attribute:
        raise UsageError(
            f"this is no field of a profile: change_profile writes it as subject {PROFILE!r}, attribute 'diet', "
            "text 'diet: \"vegan\"'; what is free text is of kind 'semantic'"
        )
