"""Turns with a target from the terminal: shown as they happen, their questions put to the person who sits there.

People type between turns, in the main thread, while no event loop runs: so Ctrl+C is heard at once.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import msgspec
from rich.panel import Panel
from rich.text import Text

from weft.app import App
from weft.cli.console import Transcript, clean, out
from weft.errors import AnswerInvalid
from weft.events import Envelope, RunFailed
from weft.models.litellm import close_connections
from weft.runtime.answers import canonical, check
from weft.runtime.limits import Limits
from weft.storage.base import Page, QuestionRow, RunRecord, Scope
from weft.storage.commands import IfBusy

T = TypeVar("T")
_log = logging.getLogger("weft.cli")


class Talk:
    """An open app, and somebody who talks with its targets. Without ``show`` nothing is shown or asked."""

    def __init__(self, app: App, show: Transcript | None) -> None:
        self.app = app
        self._show = show
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        try:
            self.do(self.app.open())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.do(self.app.close())
            self.do(close_connections())
        finally:
            self._runner.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` gives. Raises: KeyboardInterrupt, once it has ended."""
        return self._runner.run(work)

    def turn(
        self,
        target: str,
        input: Any,
        thread: str | None,
        if_busy: IfBusy | None = None,
        limits: Limits | None = None,
    ) -> RunRecord:
        """Run the target here, until it rests and nothing is asked that somebody here could answer.

        A run that fails is a result here: its record says why.

        Raises:
            WeftError: it could not begin.
        """
        record = self.do(_first(self.app, target, input, Begun(thread, if_busy, limits), self._show))
        while record.status == "paused" and self._show is not None and sys.stdin.isatty():
            answers = {row.id: _ask(row) for row in self.do(questions(self.app, record.id))}
            record = self.do(go_on(self.app, record, answers, self._show))
        return record


async def questions(app: App, run_id: str) -> list[QuestionRow]:
    """What a run asks."""
    return list(await app.store.questions.open(Scope(app.workspace), Page(100, newest=False), run_id=run_id))


class Begun(NamedTuple):
    """How a turn begins."""

    thread: str | None
    if_busy: IfBusy | None
    limits: Limits | None


async def _first(app: App, target: str, input: Any, how: Begun, show: Transcript | None) -> RunRecord:
    last: Envelope | None = None
    try:
        async for envelope in app.stream(target, input, **how._asdict()):
            last = envelope
            if show is not None:
                show.show(envelope)
    except Exception:
        if last is None or not isinstance(last.event, RunFailed):
            raise
        _log.debug("the run failed", exc_info=True)
    assert last is not None
    return await app.store.runs.get(Scope(app.workspace), last.run_id)


async def go_on(app: App, record: RunRecord, answers: Mapping[str, Any], show: Transcript | None) -> RunRecord:
    """Answer what the run asks, and drive it here until it rests again."""
    going = asyncio.create_task(app.resume(record.id, answers))
    seen = record.seq
    try:
        while not going.done():
            seen = await _watch(app, record.id, seen, show)
            await asyncio.sleep(0.01)  # until the answers are on record, the run still rests
        seen = await _watch(app, record.id, seen, show)
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
    if (error := going.exception()) is not None:
        if seen == record.seq:
            raise error
        _log.debug("the run failed", exc_info=error)
    return await app.store.runs.get(Scope(app.workspace), record.id)


async def _watch(app: App, run_id: str, seen: int, show: Transcript | None) -> int:
    """Show what comes after event number ``seen``, until the run rests; the number of the last one."""
    async for item in app.watch(Scope(app.workspace), run_id, after=seen):
        if isinstance(item, Envelope):
            seen = item.seq
            if show is not None:
                show.show(item)
    return seen


def _ask(question: QuestionRow) -> Any:
    """What the person at the terminal answers."""
    payload: Any = msgspec.json.decode(question.payload)
    told = payload["arguments"] if question.kind == "approval" else payload
    title = f"{payload['tool']} asks for approval" if question.kind == "approval" else "a question"
    words = Text(clean(json.dumps(told, ensure_ascii=False, indent=1)))
    out.print(Panel(words, title=Text(title), title_align="left", border_style="yellow", expand=False))
    while True:
        answer = _heard(question)
        try:
            check(question.id, question.schema, canonical(answer))
        except AnswerInvalid as error:
            out.print(clean(str(error)), style="red", markup=False)
            continue
        return answer


def _heard(question: QuestionRow) -> Any:
    if question.kind != "outcome":
        return answer_to(question, input("Allow it? [yes/no] " if question.kind == "approval" else "Answer: "))
    happened = answer_of(input("Did it happen? [yes/no/fail] "))
    if happened is True:
        return {"outcome": "happened", "result": answer_of(input("What came of it: "))}
    return {"outcome": "did_not_happen"} if happened is False else {"outcome": "fail"}


def answer_to(question: QuestionRow, words: str) -> Any:
    """What a person means by a typed answer to this question: the words themselves, where only they fit it."""
    answer = answer_of(words)
    return answer if _fits(question, answer) or not _fits(question, words) else words


def _fits(question: QuestionRow, answer: Any) -> bool:
    try:
        check(question.id, question.schema, canonical(answer))
    except AnswerInvalid:
        return False
    return True


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
