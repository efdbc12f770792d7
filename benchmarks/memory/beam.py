"""BEAM's conversations: one folder for each, with ``chat.json`` and ``probing_questions/probing_questions.json``.

https://github.com/mohammadtavakoli78/BEAM, the folders ``chats/100K``, ``500K``, ``1M``. A question's evidence is the
messages that it names; questions that name none (abstention) have nothing to find and are left out.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.memory.data import Conversation, Item, Question

_DAYS = ("%B-%d-%Y", "%B %d, %Y", "%b-%d-%Y")
_BEGINS = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
"""The day of what no day is told of."""


def is_beam(path: Path) -> bool:
    """Whether these are BEAM's folders."""
    return path.is_dir() and next(path.rglob("probing_questions.json"), None) is not None


def load_beam(path: Path) -> list[Conversation]:
    """All conversations below a folder, in the order of their numbers."""
    folders = [each.parent.parent for each in path.rglob("probing_questions.json")]
    return [_conversation(folder) for folder in sorted(folders, key=lambda each: (len(each.name), str(each)))]


def _conversation(folder: Path) -> Conversation:
    found = Conversation(folder.name)
    at = _BEGINS
    for turn in _turns(json.loads(_chat(folder).read_text())):
        at = _day(turn.get("time_anchor")) or at
        text = str(turn["content"]).partition("->->")[0].strip()
        found.turns.append(Item(text, at, (str(turn["id"]),), role=str(turn["role"])))
    known = {id for turn in found.turns for id in turn.turns}
    asked: dict[str, list[dict[str, Any]]] = json.loads(
        (folder / "probing_questions" / "probing_questions.json").read_text()
    )
    for kind, questions in asked.items():
        for one in questions:
            if evidence := frozenset(_ids(one.get("source_chat_ids"))) & known:
                found.questions.append(Question(one["question"], evidence, kind))
    return found


def _chat(folder: Path) -> Path:
    """Where a conversation was cut to its size, BEAM's own evaluation takes that file (so named)."""
    cut = folder / "chat_trunecated.json"
    return cut if cut.exists() else folder / "chat.json"


def _turns(chat: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for batch in chat:
        for turn in batch["turns"]:
            yield from turn


def _ids(named: Any) -> Iterator[str]:
    """The numbers of messages in a list, or in the lists of several sides."""
    if isinstance(named, dict):
        named = list(named.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(named, list):
        for each in named:  # pyright: ignore[reportUnknownVariableType]
            yield from _ids(each)
    elif named is not None:
        yield str(named)


def _day(told: Any) -> float | None:
    for form in _DAYS if isinstance(told, str) else ():
        try:
            return datetime.strptime(told.strip(), form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None
