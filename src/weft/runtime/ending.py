"""How a run comes to rest on record: with its last commit or, where the store cannot take it, as soon as it can."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

from weft import events
from weft.engine.scheduler import Paused
from weft.errors import Conflict, Fenced, NotFound, StateError, StoreError
from weft.events import Event
from weft.runtime import codec
from weft.runtime.asking import row_of
from weft.runtime.journal import Journal
from weft.runtime.result import Result, questions_of, reason_of, result_of
from weft.runtime.steering import Held, Steering
from weft.storage.base import QuestionRow, RunChange, Scope

Words: TypeAlias = Callable[[], Awaitable[Any]]


class Owed:
    """What the store must be told of runs and could not be. Nobody else would: this process lives, and they are its.

    Words are said until they are heard. They must do nothing where the run is not ours any more.
    """

    def __init__(self) -> None:
        self._words: dict[str, Words] = {}

    async def say(self, run_id: str, words: Words) -> None:
        """Now, or else at a later ``settle``."""
        try:
            await words()
        except (NotFound, Conflict, Fenced):
            return
        except StoreError:
            self._words[run_id] = words
        except BaseException:
            self._words[run_id] = words
            raise

    async def settle(self) -> None:
        """Say what is owed, as far as the store can hear it now."""
        for run_id in tuple(self._words):
            if (words := self._words.pop(run_id, None)) is not None:
                await self.say(run_id, words)


def last_words(journal: Journal, event: Event, change: RunChange) -> Words:
    """How a run ended badly: told in line with what it did before or, where that was lost, by itself."""
    in_line = True

    async def say() -> None:
        nonlocal in_line
        if in_line:
            in_line = False
            try:
                return await _commit(journal, event, change)
            except Fenced:
                raise
            except StoreError:
                pass  # perhaps only of what was lost before
        assert journal.store is not None
        record = await journal.store.runs.get(Scope(journal.info.workspace), journal.info.id)
        if record.status == "running" and record.fence == journal.fence:
            await _commit(Journal(record, journal.store, journal.hub), event, change)

    return say


async def finished(journal: Journal, output: Any, steering: Steering | None = None) -> Result[Any]:
    """Raises: StoreError."""
    usage = journal.info.usage
    change = RunChange(status="finished", output=codec.encode(output, "output"), usage=events.encode(usage))
    await _commit(journal, events.RunFinished(output, usage), change, steering=steering)
    return result_of(journal, "finished", output=output)


async def paused(
    journal: Journal,
    paused: Paused,
    best: Any = None,
    steering: Steering | None = None,
    rested: events.Pause | None = None,
) -> Result[Any]:
    """``best`` is the answer so far, for where a limit stopped the run; ``rested`` why it did before, and does still.

    Raises: StoreError.
    """
    questions = questions_of(paused)
    rows = list({asked.id: row_of(asked) for asked in paused.questions}.values())
    change = RunChange(status="paused", usage=events.encode(journal.info.usage))
    if (stop := paused.stop) is not None:
        journal.emit((journal.info.target,), events.LimitReached(stop.limit, str(stop)))
        change = msgspec.structs.replace(change, output=_storable(best), error=f"{stop.code}: {stop}")
    if paused.halted is not None and stop is None and not questions:
        reason = why(paused.halted)
    else:
        reason = rested or reason_of(paused)
    await _commit(journal, events.RunPaused(questions, reason), change, rows, steering)
    return result_of(journal, "paused", output=best, questions=questions, stop=stop)


def _storable(best: Any) -> bytes | None:
    """The answer so far is a courtesy: one that cannot be stored must not cost the run."""
    try:
        return codec.encode(best, "output")
    except StateError:
        return None


async def held(journal: Journal, steering: Steering) -> None:
    """It cannot go on with the graph as it is now: it rests until it can. Raises: StoreError."""
    await _commit(journal, events.RunPaused(reason="version"), RunChange(status="paused"), steering=steering)
    journal.rests = True


def why(halted: str) -> Held:
    """The word of the engine as that of the event."""
    return "breakpoint" if halted == "breakpoint" else "asked"


async def _commit(
    journal: Journal,
    event: Event,
    change: RunChange,
    questions: list[QuestionRow] | None = None,
    steering: Steering | None = None,
) -> None:
    told, row = ([], None) if steering is None else steering.flush()
    stored = journal.commit(happened=(*told, event), questions=questions or (), steering=row, run=change)
    if stored is not None:
        await stored
