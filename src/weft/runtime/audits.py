"""Tool calls as the audit keeps them: made of the events that say how they ended."""

from collections.abc import Sequence

from weft.events import Judgement, ToolFinished
from weft.storage.base import Happened, UseRow


def uses_of(run_id: str, first: int, happened: Sequence[Happened]) -> list[UseRow]:
    """The judged calls that ended in these events, numbered from ``first``."""
    return [
        _row(run_id, seq, one.at, one.path, event, event.judged)
        for seq, one in enumerate(happened, first)
        if isinstance(event := one.event, ToolFinished) and event.judged is not None
    ]


def _row(run_id: str, seq: int, at: float, path: tuple[str, ...], event: ToolFinished, judged: Judgement) -> UseRow:
    return UseRow(
        seq=seq,
        at=at,
        run_id=run_id,
        agent=path[-2 if len(path) > 1 else -1].partition("#")[0] if path else "",
        tool=event.name,
        call_id=event.call_id,
        effect=judged.effect,
        decision=judged.decision,
        rule=judged.rule,
        answer=judged.answer,
        sources="\n".join(judged.sources),
        arguments=bytes.fromhex(judged.arguments),
        result=None if judged.result is None else bytes.fromhex(judged.result),
        failed=event.failed,
        duration=max(0, round((at - event.started_at) * 1000)) if event.started_at else 0,
    )
