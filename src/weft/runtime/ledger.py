"""Model calls as the ledger keeps them: made of the events that say how they ended."""

from collections.abc import Sequence

from weft.events import ModelFailed, ModelFinished
from weft.runtime.limits import Meter
from weft.storage.accounts import NANO, CallRow
from weft.storage.base import Happened

CACHED = "cached"
"""How a call ended that was none: its answer was known, and it cost nothing."""


def calls_of(first: int, happened: Sequence[Happened], meter: Meter) -> list[CallRow]:
    """The calls that ended in these events, numbered from ``first``, each with what was reserved for it."""
    rows: list[CallRow] = []
    for seq, one in enumerate(happened, first):
        at, path, event = one.at, one.path, one.event
        if isinstance(event, ModelFinished):
            if event.usage.requests or event.cached:  # an answer from the record is no call
                rows.append(_finished(seq, at, path, event, meter))
        elif isinstance(event, ModelFailed):
            rows.append(
                CallRow(
                    seq=seq,
                    at=event.started_at or at,
                    agent=_agent(path),
                    model=event.model,
                    duration=_millis(event.started_at, event.ended_at or at),
                    error=event.code,
                    reservation=None if event.replaced else meter.let_go(path),
                )
            )
    return rows


def _finished(seq: int, at: float, path: tuple[str, ...], event: ModelFinished, meter: Meter) -> CallRow:
    usage = event.usage
    return CallRow(
        seq=seq,
        at=event.started_at or at,
        agent=_agent(path),
        model=event.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        audio_tokens=usage.audio_tokens,
        nanos=None if usage.cost is None else round(usage.cost * NANO),
        duration=_millis(event.started_at, at),
        first_piece=None if event.first_piece_at is None else _millis(event.started_at, event.first_piece_at),
        finish=CACHED if event.cached else event.finish,
        reservation=None if event.cached else meter.let_go(path),
    )


def _agent(path: tuple[str, ...]) -> str:
    """Whose graph is at the end of the path: ``("desk", "3:write", "writer#1", "2:think")`` is the writer's."""
    return path[-2 if len(path) > 1 else -1].partition("#")[0] if path else ""


def _millis(since: float, until: float) -> int:
    return max(0, round((until - since) * 1000)) if since else 0
