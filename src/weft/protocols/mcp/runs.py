"""One call of a client is one run: begun, followed to its rest, its questions put to the client, its output told."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, Protocol, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from weft.engine.channels import UNSET
from weft.engine.context import Target
from weft.errors import Conflict, NotFound
from weft.events import Envelope
from weft.messages import Json, Media, ToolResult
from weft.protocols.mcp.asking import Need, Wish, answer_of, told_of, wishes, words_of
from weft.protocols.mcp.telling import Log, Progress, Telling
from weft.storage.base import QuestionRow, RunRecord, Scope


class Desk(Protocol):
    """What an app does for those who serve it: the verbs that ``weft.app.App`` has."""

    workspace: str

    def targets(self) -> dict[str, Target]: ...

    async def submit(self, target: str, input: Any, *, scope: Scope, thread: str | None = None) -> RunRecord: ...

    def watch(self, scope: Scope, run_id: str, *, after: int = 0) -> AsyncGenerator[Any]: ...

    async def wait(self, scope: Scope, run_id: str, timeout: float | None = None) -> RunRecord: ...

    async def cancel(
        self, scope: Scope, run_id: str, reason: str | None = None, *, by: str | None = None
    ) -> RunRecord: ...

    async def answer(self, scope: Scope, run_id: str, answers: Mapping[str, Any]) -> RunRecord: ...

    async def questions(
        self, *, user: str | None = None, run: str | None = None, limit: int = 50
    ) -> list[QuestionRow]: ...


class Caller(Protocol):
    """The client for which a run works: the port that the SDK's door fills in."""

    scope: Scope
    can: frozenset[Need]
    later: bool
    """Whether it is asked between two requests of its own (2026), and not in the midst of one (2025)."""

    async def ask(self, wish: Wish) -> Json | None:
        """Its response; ``None`` where it gives none."""
        ...

    async def tell(self, told: Progress | Log) -> None: ...


class CannotAsk(Exception):
    """The call needs what its client has not said that it can do."""

    def __init__(self, needs: Need) -> None:
        super().__init__(f"this needs a client that offers {needs}")
        self.needs: Need = needs


class Outcome(Struct, frozen=True, kw_only=True):
    """What comes of a call."""

    text: str
    structured: Json | None = None
    media: tuple[Media, ...] = ()
    failed: bool = False
    run_id: str = ""
    thread_id: str = ""
    paused: bool = False


class Wanted(Struct, frozen=True, kw_only=True):
    """The client is to come back with answers to these."""

    wishes: Sequence[Wish]
    run_id: str
    refused: frozenset[str] = frozenset()
    """Questions that the client has not answered when it was asked: it is not asked again."""


class Runs:
    """The runs of clients. ``alone`` names the targets that are one tool or prompt."""

    def __init__(self, desk: Desk, alone: frozenset[str]) -> None:
        self._desk, self._alone = desk, alone

    async def begin(self, target: str, input: Any, scope: Scope, thread: str | None = None) -> str:
        """The id of a new run. Raises: NotFound: the thread is not the caller's."""
        return (await self._desk.submit(target, input, scope=scope, thread=thread)).id

    async def abandon(self, scope: Scope, run_id: str) -> None:
        """The client does not want it any more."""
        await self._desk.cancel(scope, run_id, "the client cancelled its call", by=scope.user or "mcp")

    async def take(self, scope: Scope, run_id: str, responses: Mapping[str, Json]) -> frozenset[str]:
        """A client comes back with responses, by the keys under which it was asked; others are passed over.

        The questions that it refused come back.

        Raises:
            AnswerInvalid: one does not fit its question.
            NotFound: the run is not the caller's.
        """
        record = await self._desk.wait(scope, run_id, 0)
        if record.status != "paused":
            return frozenset()
        rows = await self._open(scope, run_id)
        given = {
            row.id: answer_of(wish, row, responses[wish.key])
            for row, wish in zip(rows, wishes(rows), strict=True)
            if wish.key in responses
        }
        answers = {id: answer for id, answer in given.items() if answer is not UNSET}
        if answers:
            await self._answer(scope, run_id, answers)
        return frozenset(given).difference(answers)

    async def hand_on(self, scope: Scope, run_id: str, answers: Mapping[str, Any]) -> None:
        """Answers that a client's model hands on from a person: to questions, not to what only a person may decide.

        Raises:
            NotFound, AnswerInvalid, Conflict: as ``App.answer``.
        """
        rows = {row.id: row for row in await self._open(scope, run_id)}
        if kept := [id for id in answers if id in rows and rows[id].kind != "question"]:
            raise Conflict(f"only a person can decide {kept[0]!r}: on Weft's page, or with `weft questions answer`")
        if unknown := [id for id in answers if id not in rows]:
            raise NotFound(f"run {run_id} does not ask {unknown[0]!r}; it asks {sorted(rows)}")
        await self._desk.answer(scope, run_id, answers)

    async def converse(self, run_id: str, caller: Caller, refused: frozenset[str] = frozenset()) -> Outcome | Wanted:
        """Follow it to its rest; while it rests for questions that the client can be asked, ask."""
        heard = 0
        record = await self._desk.wait(caller.scope, run_id, 0)
        telling = Telling(alone=record.target in self._alone)
        while True:
            heard = await self._follow(run_id, caller, telling, heard)
            record = await self._desk.wait(caller.scope, run_id, 5)
            rows = await self._open(caller.scope, run_id) if record.status == "paused" else []
            if not rows:
                return self._outcome(record)
            asked = [pair for pair in zip(rows, wishes(rows), strict=True) if pair[0].id not in refused]
            possible = [wish for _, wish in asked if wish.needs in caller.can]
            if caller.later and possible:
                return Wanted(wishes=possible, run_id=run_id, refused=refused)
            answers = await self._answers(asked, caller)
            if not answers:
                return _waits(record, rows)
            refused |= {row.id for row, _ in asked}.difference(answers)
            await self._answer(caller.scope, run_id, answers)

    async def _follow(self, run_id: str, caller: Caller, telling: Telling, heard: int) -> int:
        async with aclosing(self._desk.watch(caller.scope, run_id, after=heard)) as happenings:
            async for happening in happenings:
                if not isinstance(happening, Envelope):
                    continue
                heard = max(heard, happening.seq)
                if (told := telling.hear(happening)) is not None:
                    await caller.tell(told)
        return heard

    async def _answers(self, asked: Sequence[tuple[QuestionRow, Wish]], caller: Caller) -> dict[str, Any]:
        """What the client says, one after the other; what it can do only for itself is answered at once, with no."""
        answers = dict[str, Any]()
        for row, wish in asked:
            if wish.needs in caller.can:
                response = await caller.ask(wish)
                answer = UNSET if response is None else answer_of(wish, row, response)
            elif wish.required and caller.later:
                raise CannotAsk(wish.needs)
            elif wish.needs in ("sampling", "roots"):
                answer = {"error": f"the client offers no {wish.needs}"}
            else:
                answer = UNSET
            if answer is not UNSET:
                answers[row.id] = answer
        return answers

    async def _answer(self, scope: Scope, run_id: str, answers: Mapping[str, Any]) -> None:
        with suppress(Conflict):  # somebody else was first: the run goes on with that
            await self._desk.answer(scope, run_id, answers)

    async def _open(self, scope: Scope, run_id: str) -> list[QuestionRow]:
        rows = await self._desk.questions(user=scope.user, run=run_id)
        return sorted(rows, key=lambda row: (row.created_at, row.id))

    def _outcome(self, record: RunRecord) -> Outcome:
        outcome = _ended(record, alone=record.target in self._alone)
        return replace(outcome, run_id=record.id, thread_id=record.thread_id)


def _ended(record: RunRecord, *, alone: bool) -> Outcome:
    if record.status == "paused":
        return Outcome(text=f"run {record.id} rests before its end, and can go on in Weft", paused=True)
    if record.status != "finished":
        return Outcome(text=record.error or f"the run was {record.status}", failed=True)
    output: Any = None if record.output is None else msgspec.json.decode(record.output)
    if alone:
        result = msgspec.convert(output, ToolResult)
        text, media = result.content, result.media
        return Outcome(text=text, media=media, failed=result.failed, structured=_object(text))
    if isinstance(output, str):
        return Outcome(text=output)
    plain = cast("Json", output) if isinstance(output, dict) else None
    return Outcome(text=msgspec.json.encode(output).decode(), structured=plain)


def _object(text: str) -> Json | None:
    """The JSON object that a tool returned, if it did."""
    if not text.startswith("{"):
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _waits(record: RunRecord, rows: Sequence[QuestionRow]) -> Outcome:
    open_now = [{"id": row.id, "kind": row.kind, "message": words_of(row)} for row in rows]
    return Outcome(
        text=told_of(record.id, rows),
        structured={"status": "paused", "run_id": record.id, "questions": open_now},
        run_id=record.id,
        thread_id=record.thread_id,
        paused=True,
    )
