"""What a run that goes on has used before: told by its events, so that nothing else need be kept."""

from weft import events
from weft.messages import Usage
from weft.runtime.journal import Journal
from weft.storage.base import RunRecord, Scope, Store

_BEGINS = (events.RunStarted, events.RunResumed)


async def recall(store: Store, record: RunRecord, journal: Journal) -> events.Event | None:
    """Bring the run's usage and its meter up to date; the last event that is on record."""
    usage, meter, last = Usage(), journal.info.meter, None
    after, at, since = 0, 0.0, 0.0
    while page := await store.runs.events(Scope(record.workspace), record.id, after=after):
        for row in page:
            last = event = events.decode_event(row.body)
            if isinstance(event, _BEGINS):
                meter.went_before(at - since)
                since = row.at
            elif isinstance(event, events.ModelFinished):
                usage = usage + event.usage
                meter.used(event.usage.total_tokens, event.usage.cost)
            elif isinstance(event, events.ToolFinished):
                meter.tool_calls += 1
            at = row.at
        after = page[-1].seq
    meter.went_before(at - since)
    journal.info.usage = usage
    return last
