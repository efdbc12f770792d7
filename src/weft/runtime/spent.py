"""What a run that goes on has used before: told by its events, so that nothing else need be kept."""

from typing import NamedTuple

import msgspec

from weft import events
from weft.messages import Usage
from weft.runtime.journal import Journal
from weft.runtime.repeats import Left
from weft.storage.base import RunRecord, Scope, Store

_BEGINS = (events.RunStarted, events.RunResumed)


class Before(NamedTuple):
    """What the events of a run say of it."""

    last: events.Event | None
    left: tuple[Left, ...]
    """What it left where nodes were run again."""


async def recall(store: Store, record: RunRecord, journal: Journal) -> Before:
    """Bring the run's usage and its meter up to date."""
    usage, meter, last = Usage(), journal.info.meter, None
    left: list[Left] = []
    after, at, since = 0, 0.0, 0.0
    while page := await store.runs.events(Scope(record.workspace), record.id, after=after):
        for row in page:
            last = event = row.event
            if isinstance(event, _BEGINS):
                meter.went_before(at - since)
                since = row.at
            elif isinstance(event, events.ModelFinished):
                usage = usage + event.usage
                meter.used(event.usage.total_tokens, event.usage.cost, turns=not event.beside)
            elif isinstance(event, events.ToolFinished):
                meter.tool_calls += 1
            elif isinstance(event, events.RunSteered) and event.command == "rerun" and event.refused is None:
                left.append(msgspec.convert(event.detail["left"], Left))
            at = row.at
        after = page[-1].seq
    meter.went_before(at - since)
    journal.info.usage = usage
    return Before(last, tuple(left))
