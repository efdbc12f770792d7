"""What one run has asked and been told, and what it began that must not happen twice."""

import time
from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from weft import events
from weft.engine.channels import UNSET
from weft.engine.context import Asked, Interrupted
from weft.errors import QuestionExpired
from weft.runtime import codec
from weft.runtime.answers import schema_of, see_asked, typed
from weft.runtime.journal import Journal
from weft.runtime.repeats import NOBODYS, Effect, Left, Repeats, effects_of
from weft.storage.base import QuestionRow, Scope

Path: TypeAlias = tuple[str, ...]

OUTCOME: dict[str, Any] = {
    "type": "object",
    "properties": {
        "outcome": {"enum": ["happened", "did_not_happen", "fail"]},
        "result": {"description": "What came of it, where it happened."},
        "reason": {"type": "string"},
    },
    "required": ["outcome"],
    "additionalProperties": False,
}
"""What a person may say of something whose outcome nobody knows."""

_NOTHING: frozenset[str] = frozenset()


class Asking:
    """The questions of one run, as they were when this process took it up, and those it asks now."""

    __slots__ = (
        *("_expired", "_heard", "_journal", "_open", "_tries"),
        *("answers", "doubts", "outcomes", "repeats", "waited"),
    )

    def __init__(self, journal: Journal, rows: Sequence[QuestionRow] = ()) -> None:
        self._journal = journal
        self.answers: dict[str, bytes] = {}
        self._expired: frozenset[str] = _NOTHING
        self._open: dict[str, QuestionRow] = {}
        self._heard: frozenset[str] = _NOTHING
        """Where something has been answered since the run last rested or, if that is not known, ever."""
        self.waited = False
        """Whether something could be answered while the run goes on."""
        self._tries: dict[str, list[QuestionRow]] = {}
        """What must not happen twice, by the path of its activation: every try, oldest first."""
        self.repeats: Repeats | None = None
        """What happened on lines that were left, where there are such."""
        self.outcomes: dict[str, Any] = {}
        """What came of it, by the path of its activation, until that is done."""
        self.doubts: dict[str, str] = {}
        """Why nobody knows what came of a try, by the same."""
        if rows:
            self.hear(rows)

    def hear(self, rows: Sequence[QuestionRow]) -> None:
        """What is on record of its questions."""
        for row in sorted(rows, key=_number):
            self._learn(row)
        told = [row for row in rows if row.status in ("answered", "expired")]
        heard = {row.path for row in told or rows if row.status in ("answered", "expired", "taken")}
        self._heard = frozenset(heard) or self._heard

    def _learn(self, row: QuestionRow) -> None:
        if row.kind == "outcome":
            self._tries.setdefault(row.path, []).append(row)
        if row.status == "intent":
            self._journal.intents[row.id] = row
        elif row.status == "open":
            self._open[row.id] = row
            self.waited = True
        elif row.answer is not None:
            self.answers[row.id] = row.answer
        elif row.status in ("expired", "taken"):
            self._expired |= {row.id}

    def ask(self, asked: Asked) -> Any:
        """Raises: Interrupted, QuestionExpired, AnswerInvalid, UsageError."""
        id = asked.id
        if (answer := self.answers.get(id)) is not None:
            return typed(asked.schema, answer, id)
        if id in self._expired:
            raise QuestionExpired(f"nobody answered {id!r} in time, and it has no default")
        if asked.kind == "question":
            see_asked(id, asked.schema, asked.seconds, asked.fallback)
        if asked.seconds is not None:
            asked.expires_at = time.time() + asked.seconds
        if (known := self._open.get(id)) is not None:
            asked.expires_at = known.expires_at
        raise Interrupted((asked,))

    def held(self, path: Path) -> None:
        """Before an activation begins: it need not, while it could only ask what is still open.

        It would stop at its own open question again; and where only what it calls has open questions, it is of
        use only if something else below it has been answered.

        Raises:
            Interrupted: with those questions.
        """
        here = "/".join(path)
        below = [row for row in self._open.values() if row.path == here or row.path.startswith(f"{here}/")]
        if not below:
            return
        if all(row.path != here for row in below) and any(f"{one}/".startswith(f"{here}/") for one in self._heard):
            return
        raise Interrupted(tuple([again(row) for row in below]))

    # What must not happen twice

    async def leave(self, lines: Sequence[Left], *, but: str = "", at: Path | None = None) -> None:
        """From now on somebody is asked before what happened on these lines is repeated; not what run ``but`` did.

        It is told in an event ``at`` a path, and with the result.
        """
        journal, store = self._journal, self._journal.store
        assert store is not None
        effects = await effects_of(store, Scope(journal.info.workspace), lines, but=but)
        if self.repeats is None:
            self.repeats = Repeats(await store.questions.take(journal.info.id, NOBODYS))
        self.repeats.add(effects)
        journal.warnings = {**journal.warnings, **{effect.key: effect.words for effect in effects}}
        if effects and at is not None:
            journal.emit(at, events.Custom("effects.left", [effect.words for effect in effects]))

    def tries(self, path: str) -> Sequence[QuestionRow]:
        return self._tries.get(path, ())

    async def begin(self, path: Path, number: int, what: Any) -> None:
        """Put a try on record: a question that nobody need answer unless we die."""
        here = "/".join(path)
        self.doubts.pop(here, None)
        row = QuestionRow(
            id=f"{here}/outcome#{number}",
            path=here,
            payload=codec.encode(what, "arguments"),
            schema=msgspec.json.encode(OUTCOME),
            status="intent",
            kind="outcome",
        )
        self._tries.setdefault(here, []).append(row)
        journal = self._journal
        journal.intents[row.id] = row
        stored = journal.commit(path, happened=(events.EffectStarted(what["name"], what["key"]),), questions=(row,))
        if stored is not None:
            await stored

    def void(self, path: Path) -> None:
        """Nothing came of the last try."""
        tries = self._tries["/".join(path)]
        tries[-1] = self._settled(tries[-1])

    def finished(self, path: Path) -> None:
        """The activation is done, and the commit that says so follows: it is the one that settles the try."""
        here = "/".join(path)
        if self.outcomes.pop(here, UNSET) is not UNSET:
            self._settled(self._tries.pop(here)[-1])

    def _settled(self, row: QuestionRow) -> QuestionRow:
        row = msgspec.structs.replace(row, status="settled")
        self._journal.intents.pop(row.id, None)
        if self._journal.store is not None:
            self._journal.settled = (*self._journal.settled, row)
        return row


class Tries:
    """The engine's ``Intent``: the tries of one activation."""

    __slots__ = ("_asking", "_journal", "_path")

    def __init__(self, asking: Asking, journal: Journal, path: Path) -> None:
        self._asking, self._journal, self._path = asking, journal, path

    @property
    def durable(self) -> bool:
        return self._journal.store is not None

    @property
    def open(self) -> int:
        tries = self._asking.tries("/".join(self._path))
        return 0 if not tries or tries[-1].status == "settled" else len(tries)

    @property
    def why(self) -> str:
        return self._asking.doubts.get("/".join(self._path), "")

    def earlier(self, name: str, arguments: Any) -> Effect | None:
        repeats = self._asking.repeats
        return None if repeats is None else repeats.find(self._path, name, arguments)

    async def begin(self, what: Any) -> None:
        """Raises: StoreError."""
        await self._asking.begin(self._path, len(self._asking.tries("/".join(self._path))) + 1, what)

    @property
    def outcome(self) -> Any:
        return self._asking.outcomes.get("/".join(self._path), UNSET)

    def happened(self, outcome: Any) -> Any:
        self._asking.outcomes["/".join(self._path)] = outcome
        return outcome

    def void(self) -> None:
        self._asking.void(self._path)

    def unknown(self, why: str) -> None:
        here = "/".join(self._path)
        self._asking.doubts[here] = why
        what: dict[str, Any] = msgspec.json.decode(self._asking.tries(here)[-1].payload)
        self._journal.emit(self._path, events.EffectUnknown(what["name"], what["key"], why))


def _number(row: QuestionRow) -> tuple[str, int, str]:
    """Tries in their order: the tenth comes after the ninth."""
    _, _, number = row.id.rpartition("#")
    return row.path, int(number) if number.isascii() and number.isdigit() else 0, row.id


def again(row: QuestionRow) -> Asked:
    """A question that is open already, as though it was asked just now."""
    schema = None if row.schema is None else msgspec.json.decode(row.schema)
    asked = Asked(row.id, (row.path,), msgspec.json.decode(row.payload), schema, kind=row.kind)
    asked.expires_at = row.expires_at
    return asked


def row_of(asked: Asked) -> QuestionRow:
    """How a question is kept."""
    schema = schema_of(asked.schema)
    fallback = None if asked.fallback is UNSET else codec.encode(asked.fallback, f"default of {asked.id!r}")
    return QuestionRow(
        id=asked.id,
        path="/".join(asked.path),
        payload=codec.encode(asked.payload, "question"),
        schema=None if schema is None else codec.encode(schema, "schema of a question"),
        expires_at=asked.expires_at,
        kind=asked.kind,
        fallback=fallback,
    )
