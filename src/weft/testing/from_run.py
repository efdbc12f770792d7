"""A run on record becomes a test: what its models said goes on a cassette, and a pytest file asks for it again."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from weft.errors import UsageError
from weft.events import ASIDE, REFUSED, Custom, Envelope, MessageAdded, ModelFinished, NodeFailed
from weft.messages import Finish, Json, Message, Reasoning, Text
from weft.models.base import Answer, Piece
from weft.models.blotting import Persons, hidden
from weft.models.cassette import in_order, write
from weft.models.replay import blotted, failed, spoken
from weft.storage.base import RunRecord


class Written(Struct, frozen=True):
    """What was made of a run."""

    test: Path
    cassette: Path
    calls: int
    """Of models, that are on the cassette."""


def write_test(record: RunRecord, events: Sequence[Envelope], *, target: str, source: Path, folder: Path) -> Written:
    """Writes ``test_RUN.py`` and its cassette into ``folder``.

    Args:
        target: the variable that holds the target in ``source``, a Python file.

    Raises:
        UsageError: the run has no input on record, or no model was asked.
    """
    persons = Persons()
    heard = next((message for each in events if (message := _heard(each)) is not None), None)
    if heard is None or not heard.text:
        raise UsageError(f"run {record.id} began with no words on record: only runs of agents become tests")
    said = persons.hide(hidden(heard.text))
    entries = [blotted(each, persons) for each in _entries(events)]
    if not entries:
        raise UsageError(f"run {record.id} asked no model: there is nothing to replay")
    name = re.sub(r"\W", "_", record.id)
    cassette = folder / "cassettes" / f"{name}.yaml"
    write(cassette, entries)
    test = folder / f"test_{name}.py"
    from_here = Path(*[".."] * len(folder.resolve().relative_to(_shared(folder, source)).parts)) / (
        source.resolve().relative_to(_shared(folder, source))
    )
    test.write_text(
        _TEST.format(
            why=f"The run {record.id} of {record.target}: it ended {record.status}.",
            ended=f"\n\nIt ended with {hidden(persons.hide(record.error))}" if record.error else "",
            source=from_here.as_posix(),
            target=target,
            cassette=f"cassettes/{name}.yaml",
            test=name,
            said=said,
        ),
        encoding="utf-8",
    )
    return Written(test, cassette, len(entries))


_TEST = '''"""{why}{ended}

Its model's answers are on the cassette, in the order in which they came; ``--weft-models=record`` adds further ones.
"""

import runpy
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "{source}"


@pytest.mark.weft_cassette("{cassette}")
def test_{test}() -> None:
    target = runpy.run_path(str(SOURCE))["{target}"]
    result = target.run_sync({said!r})
    assert result.status == "finished"
'''


def _shared(one: Path, other: Path) -> Path:
    """The nearest folder that holds both."""
    above = set(other.resolve().parents)
    return next(each for each in (one.resolve(), *one.resolve().parents) if each in above)


def _heard(envelope: Envelope) -> Message | None:
    message = envelope.event.message if isinstance(envelope.event, MessageAdded) else None
    return message if message is not None and message.role == "user" else None


def _entries(events: Sequence[Envelope]) -> list[Json]:
    """Each call of a model, in order: its answer is the next of the same path, or it failed."""
    entries: list[Json] = []
    for number, envelope in enumerate(events):
        match envelope.event:
            case ModelFinished(beside=False) as finished:
                if (message := _answer(envelope.path, events[number + 1 :])) is not None:
                    entries.append(in_order(finished.model, _said(message, finished)))
            case NodeFailed(code=code, message=words) if code.partition(".")[0] == "model":
                entries.append(in_order("", failed(code, words)))
            case _:
                pass
    return entries


def _answer(path: tuple[str, ...], later: Sequence[Envelope]) -> Message | None:
    for envelope in later:
        event = envelope.event
        if isinstance(event, ModelFinished) and not event.beside and envelope.path[:-1] == path[:-1]:
            return None
        if isinstance(event, Custom) and event.name in (REFUSED, ASIDE) and envelope.path == path:
            return msgspec.convert(event.data, Message)
        if isinstance(event, MessageAdded) and envelope.path == path[:-1] and event.message is not None:
            return event.message if event.message.role == "assistant" else None
    return None


def _said(message: Message, finished: ModelFinished) -> Json:
    answer = Answer(message=message, usage=finished.usage, finish=_finish(finished.finish), model=finished.model)
    pieces = [
        Piece(part.text, "text" if isinstance(part, Text) else "reasoning")
        for part in message.parts
        if isinstance(part, Text | Reasoning) and part.text
    ]
    return spoken(pieces, answer)


def _finish(told: str) -> Finish:
    return msgspec.convert(told, Finish)
