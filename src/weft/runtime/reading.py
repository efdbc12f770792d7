"""What is on record, joined again for readers: an event and the message, output or result that it speaks of."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from weft.events import (
    Envelope,
    MessageAdded,
    RunFinished,
    ToolFinished,
)
from weft.messages import Message, ToolResult, Usage
from weft.runtime.conversation import load_message
from weft.storage.base import EventRow, RunRecord, Scope, Store


async def stored_events(store: Store, scope: Scope, run_id: str, *, after: int = 0, limit: int = 500) -> list[Envelope]:
    """The stored events after number ``after``, oldest first, at most ``limit``.

    Raises:
        NotFound: no such run, or it is not yours.
    """
    rows = await store.runs.events(scope, run_id, after=after, limit=limit)
    if not rows:
        return []
    record = await store.runs.get(scope, run_id)
    said = [row.event.seq for row in rows if isinstance(row.event, MessageAdded)]
    messages = await _messages(store, scope, record, said)
    results = {result.call_id: result for message in messages.values() for result in message.tool_results}
    return [_join(row, record, messages, results) for row in rows]


async def _messages(store: Store, scope: Scope, record: RunRecord, seqs: Sequence[int]) -> dict[int, Message]:
    if not seqs:
        return {}
    first, last = min(seqs), max(seqs)
    rows = await store.threads.messages(
        scope, record.thread_id, conversation=None, after=first - 1, before=last + 1, limit=last - first + 1
    )
    return {row.seq: load_message(row) for row in rows}


def _join(
    row: EventRow,
    record: RunRecord,
    messages: dict[int, Message],
    results: dict[str, ToolResult],
) -> Envelope:
    event: Any = row.event
    match event:
        case MessageAdded(seq=seq):
            event = MessageAdded(seq, messages.get(seq))
        case RunFinished():
            usage = None if record.usage is None else msgspec.json.decode(record.usage, type=Usage)
            event = RunFinished(None if record.output is None else json.loads(record.output), usage)
        case ToolFinished(call_id=call_id):
            event = msgspec.structs.replace(event, result=results.get(call_id))
        case _:
            pass
    return Envelope(run_id=record.id, seq=row.seq, at=row.at, path=row.path, event=event)
