"""Public conversations with questions, as they are published: nothing of them is kept here.

LoCoMo (https://github.com/snap-research/locomo): ``locomo10.json``, or the ZIP or folder of its files.
"""

import json
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"
Search: TypeAlias = "Callable[[Question, Any], Sequence[int]]"
"""From a question and its vector, if there is one, to the places of what fits, best first."""
ADVERSARIAL = 5
"""LoCoMo's category of questions that have no answer in the conversation."""


@dataclass(frozen=True)
class Item:
    """What is searched: a turn, or a fact that was drawn from turns."""

    text: str
    at: float
    turns: tuple[str, ...]
    fact: bool = False
    role: str = ""
    """``user`` or ``assistant``, where that is known."""


@dataclass(frozen=True)
class Question:
    """What is asked, and which turns hold the answer."""

    text: str
    evidence: frozenset[str]
    kind: str = ""


@dataclass
class Conversation:
    """One conversation, in order."""

    name: str
    turns: list[Item] = field(default_factory=list[Item])
    facts: list[Item] = field(default_factory=list[Item])
    questions: list[Question] = field(default_factory=list[Question])


def load(path: Path) -> list[Conversation]:
    """All conversations at a path."""
    return [_conversation(name, body) for name, body in _bodies(path)]


def _bodies(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.is_dir():
        for each in sorted(path.rglob("*.json")):
            yield each.stem, json.loads(each.read_text())
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            for name in sorted(name for name in archive.namelist() if name.endswith(".json")):
                yield Path(name).stem, json.loads(archive.read(name))
    else:
        for body in json.loads(path.read_text()):
            flat = {f"{name}_observation": facts for name, facts in _sessions(body.get("observation", {}))}
            yield body["sample_id"], {**body["conversation"], **flat, "qa": body["qa"]}


def _sessions(observed: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, facts in observed.items():
        yield name.removesuffix("_observation"), facts


def _conversation(name: str, body: dict[str, Any]) -> Conversation:
    found = Conversation(name)
    for session in sorted((key for key in body if re.fullmatch(r"session_\d+", key)), key=lambda key: int(key[8:])):
        at = _moment(body[f"{session}_date_time"])
        for turn in body[session]:
            shown = f" [shares {turn['blip_caption']}]" if turn.get("blip_caption") else ""
            found.turns.append(Item(f"{turn['speaker']}: {turn['text']}{shown}", at, (turn["dia_id"],)))
        for facts in (body.get(f"{session}_observation") or {}).values():
            found.facts += [Item(fact, at, _ids(evidence), fact=True) for fact, evidence in facts]
    known = {id for turn in found.turns for id in turn.turns}
    for asked in body["qa"]:
        evidence = frozenset(id for each in asked.get("evidence", ()) for id in _ids(each)) & known
        if asked["category"] != ADVERSARIAL and evidence:
            found.questions.append(Question(asked["question"], evidence))
    return found


def _ids(evidence: Any) -> tuple[str, ...]:
    words = " ".join(evidence) if isinstance(evidence, list) else str(evidence)
    return tuple(f"D{int(a)}:{int(b)}" for a, b in re.findall(r"D:?(\d+):(\d+)", words))


def _moment(text: str) -> float:
    """``1:56 pm on 8 May, 2023``."""
    return datetime.strptime(text.strip(), "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC).timestamp()
