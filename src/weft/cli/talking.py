"""One turn with a target from the terminal: shown as it happens, its questions put to the person who sits there."""

import asyncio
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from weft.app import App
from weft.cli.console import Transcript, clean, out
from weft.events import Envelope, Question, RunFailed, RunPaused
from weft.storage.base import RunRecord, Scope

_log = logging.getLogger("weft.cli")


async def turn(app: App, target: str, input: Any, *, thread: str | None, show: Transcript | None) -> RunRecord:
    """Run the target here, until it rests and no question is left that somebody here could answer.

    A run that fails is a result here: its record says why.
    """
    last: Envelope | None = None
    try:
        async for envelope in app.stream(target, input, thread=thread):
            last = envelope
            if show is not None:
                show.show(envelope)
    except Exception:
        if last is None or not isinstance(last.event, RunFailed):
            raise
        _log.debug("the run failed", exc_info=True)
    assert last is not None
    scope = Scope(app.workspace)
    record = await app.store.runs.get(scope, last.run_id)
    while record.status == "paused" and show is not None and sys.stdin.isatty():
        record = await go_on(app, scope, record, ask(_questions(last)), show)
        last = (await app.events(scope, record.id, after=record.seq - 1))[-1]
    return record


async def go_on(
    app: App, scope: Scope, record: RunRecord, answers: Mapping[str, Any], show: Transcript | None
) -> RunRecord:
    """Answer what the run asks, and drive it here until it rests again."""
    going = asyncio.create_task(app.resume(record.id, answers))
    try:
        seen = record.seq
        while not going.done():
            seen = await _watch(app, scope, record.id, seen, show)
            await asyncio.sleep(0.01)  # until the answers are on record, the run still rests
        await going
        await _watch(app, scope, record.id, seen, show)
    finally:
        going.cancel()
    return await app.store.runs.get(scope, record.id)


async def _watch(app: App, scope: Scope, run_id: str, seen: int, show: Transcript | None) -> int:
    """Show what comes after event number ``seen``, until the run rests; the number of the last one."""
    async for item in app.watch(scope, run_id, after=seen):
        if isinstance(item, Envelope):
            seen = item.seq
            if show is not None:
                show.show(item)
    return seen


def _questions(last: Envelope) -> Sequence[Question]:
    return last.event.questions if isinstance(last.event, RunPaused) else ()


def ask(questions: Sequence[Question]) -> dict[str, Any]:
    """Put the questions to the person at the terminal; their answers by id."""
    answers: dict[str, Any] = {}
    for question in questions:
        out.print(clean(json.dumps(question.payload, ensure_ascii=False, indent=1)), markup=False)
        answers[question.id] = answer_of(input("Answer (yes, no, or JSON): "))
    return answers


def answer_of(words: str) -> Any:
    """What a person means by a typed answer: JSON, a plain yes or no, or text.

    >>> answer_of("yes"), answer_of('{"a": 1}'), answer_of("maybe later")
    (True, {'a': 1}, 'maybe later')
    """
    plain = words.strip()
    if plain.lower() in ("y", "yes", "ok", "approve"):
        return True
    if plain.lower() in ("n", "no", "reject"):
        return False
    try:
        return json.loads(plain)
    except json.JSONDecodeError:
        return plain
