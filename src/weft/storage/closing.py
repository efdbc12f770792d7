"""Whether a question that is not open any more may be given an answer all the same."""

from weft.errors import Conflict
from weft.storage.base import QuestionRow


def see_closed(known: QuestionRow, answer: bytes) -> None:
    """Fine where this very answer is on record.

    Raises:
        Conflict: it has another one, or takes none.
    """
    if known.answer == answer and known.status in ("answered", "taken"):
        return
    if known.answer is not None:
        raise Conflict(f"question {known.id!r} of run {known.run_id!r} has another answer already")
    why = {"withdrawn": "its run has ended", "unknown": "its run has ended"}.get(known.status, "its time is over")
    raise Conflict(f"question {known.id!r} of run {known.run_id!r} takes no answer any more: {why}")
