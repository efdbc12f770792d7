"""``python -m benchmarks.memory PATH [--meaning]``: evidence recall@10 of memory and of other searches.

No model is asked. A question's recall is how much of its evidence is among the first ten turns that a search gives; a
fact stands for the turns that it was drawn from. ``PATH`` is LoCoMo or BEAM. ``--half`` takes every second
conversation, ``--tune`` chooses the weights of neighbours and of the user's own words on each half and measures them
on the other, ``--speed`` fills shelves with so many memories and times them.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.memory.beam import is_beam, load_beam
from benchmarks.memory.data import Conversation, Item, Question, Search, load
from benchmarks.memory.embedding import Kept
from benchmarks.memory.others import WHY_NOT, there
from benchmarks.memory.speed import speed
from benchmarks.memory.ways import convex, dense, fused, naive, thread, weft

MOST = 10
FOUND_BY_WORDS = frozenset(
    (
        "",
        *("contradiction_resolution", "information_extraction", "knowledge_update"),
        *("multi_session_reasoning", "temporal_reasoning"),
    )
)
"""Kinds of questions whose words say what they look for. BEAM's others ask for an order, a summary, or to keep to
something that was said long ago: their evidence has no word of the question in it."""
_WEIGHTS = [n / 10 for n in range(11)]


def recall(found: Sequence[int], items: Sequence[Item], question: Question) -> float:
    """How much of the evidence is in the first turns."""
    turns: dict[str, None] = {}
    for at in found:
        if len(turns) >= MOST:
            break
        turns |= dict.fromkeys(items[at].turns[: MOST - len(turns)])
    return len(question.evidence & set(turns)) / len(question.evidence)


def measured(
    make: Callable[[Sequence[Item], Any], Search],
    talks: Sequence[Conversation],
    embedder: Kept | None,
    *,
    facts: bool,
) -> tuple[float, int, float]:
    """Recall on average, questions, milliseconds of CPU for each."""
    scores: list[float] = []
    spent = 0.0
    for talk in talks:
        items = [*talk.turns, *(talk.facts if facts else ())]
        asked = None if embedder is None else embedder.rows([question.text for question in talk.questions])
        search = make(items, embedder)
        for n, question in enumerate(talk.questions):
            began = time.process_time()
            found = search(question, None if asked is None else asked[n])
            spent += time.process_time() - began
            scores.append(recall(found, items, question))
    return sum(scores) / len(scores), len(scores), 1000 * spent / len(scores)


def main() -> None:
    """Do what the command line says."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("path", type=Path, help="LoCoMo, as a JSON file, a ZIP or a folder")
    given.add_argument("--embedder", type=Path, help="the folder of all-MiniLM-L6-v2")
    given.add_argument("--meaning", action="store_true", help="by meaning too, with the model that is installed")
    given.add_argument("--vectors", type=Path, metavar="FOLDER", help="keep vectors there, and take them from there")
    given.add_argument("--rows", nargs="+", default=[], help="only these rows of the table")
    given.add_argument("--of", metavar="ROLE", help="only what this one said is searched and asked for: user")
    given.add_argument("--half", type=int, choices=(0, 1), help="only every second conversation")
    given.add_argument("--only", help="the conversation of this name")
    given.add_argument("--tune", action="store_true", help="choose weights on the other half")
    given.add_argument("--speed", type=int, nargs="+", metavar="N", help="time shelves of so many memories")
    told = given.parse_args()
    talks = load_beam(told.path) if is_beam(told.path) else load(told.path)
    if told.of is not None:
        talks = [_of(talk, told.of) for talk in talks]
    if told.half is not None:
        talks = talks[told.half :: 2]
    if told.only is not None:
        talks = [talk for talk in talks if talk.name == told.only]
    embedder = Kept(told.embedder, told.vectors) if told.meaning or told.embedder is not None else None
    if told.speed:
        speed(told.speed, talks, vectors=embedder is not None)
    elif told.tune:
        tune(talks, embedder)
    else:
        table(talks, embedder, told.rows)


def _of(talk: Conversation, role: str) -> Conversation:
    """Only what one side said, and questions whose evidence has something of it."""
    turns = [turn for turn in talk.turns if turn.role == role]
    known = {id for turn in turns for id in turn.turns}
    asked = [replace(one, evidence=one.evidence & known) for one in talk.questions if one.evidence & known]
    return Conversation(talk.name, turns=turns, questions=asked)


def tune(talks: Sequence[Conversation], embedder: Kept | None) -> None:
    """The weights that are best on one half, and what each gives on the half that it was not chosen on."""
    roles = any(turn.role for talk in talks for turn in talk.turns)
    for name in ("near", "own") if roles else ("near",):
        halves = talks[0::2], talks[1::2]
        scores = [{weight: measured(partial(thread, **{name: weight}), half, embedder, facts=False)[0]
                   for weight in _WEIGHTS} for half in halves]  # fmt: skip
        for chosen_on, other in ((0, 1), (1, 0)):
            best_one = max(_WEIGHTS, key=lambda weight: scores[chosen_on][weight])  # asked at once
            on, held = scores[chosen_on][best_one], scores[other][best_one]
            print(
                f"{name} chosen on half {chosen_on}: {best_one} ({on:.3f}); on half {other}: {held:.3f}, "
                f"without {scores[other][0.0]:.3f}"
            )


def table(talks: Sequence[Conversation], embedder: Kept | None, wanted: Sequence[str] = ()) -> None:
    """Print a row for each way to search."""
    rows: list[tuple[str, Any, bool, bool]] = [
        ("BM25, plain", naive, False, False),
        ("Weft, words", weft, False, False),
        ("Weft, words, in a thread", thread, False, False),
        ("Weft, words, with facts", weft, False, True),
        ("Weft, words, in a thread, with facts", thread, False, True),
    ]
    if embedder is not None:
        rows += [
            ("dense", dense, True, False),
            ("RRF", fused, True, False),
            ("convex", convex, True, False),
            ("Weft, words and meaning", weft, True, False),
            ("Weft, both, in a thread", thread, True, False),
            ("dense, with facts", dense, True, True),
            ("RRF, with facts", fused, True, True),
            ("convex, with facts", convex, True, True),
            ("Weft, words and meaning, with facts", weft, True, True),
            ("Weft, both, in a thread, with facts", thread, True, True),
        ]
    others = there() if embedder is not None else {}
    rows += [(name, make, True, False) for name, make in others.items()]
    if not any(talk.facts for talk in talks):
        rows = [row for row in rows if not row[3]]
    rows = [row for row in rows if not wanted or row[0] in wanted]
    known = {None: talks}
    if any(question.kind for talk in talks for question in talk.questions):
        chosen = [replace(talk, questions=[q for q in talk.questions if q.kind in FOUND_BY_WORDS]) for talk in talks]
        known = {None: talks, "by words": chosen}
    for part, here in known.items():
        print(f"{part or '':38} recall@{MOST}  questions  ms")
        for name, make, vectors, facts in rows:
            score, count, took = measured(make, here, embedder if vectors else None, facts=facts)
            print(f"{name:38} {score:9.3f}  {count:9}  {took:.2f}", flush=True)
    for name, why in WHY_NOT.items():
        if name not in others:
            print(f"{name}: {why}")


if __name__ == "__main__":
    main()
