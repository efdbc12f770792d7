"""Events that are kept by place come back as they were; what is on disk does not change its meaning."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from weft import events
from weft.events import Event
from weft.messages import Usage
from weft.storage.base import EventRow
from weft.storage.event_rows import NUMBERED, pack_events, unpack_events

NAMES = st.text(max_size=30)
TIMES = st.floats(0, 2e9) | st.integers(0, 2 * 10**15).map(lambda micros: micros / 1e6)
COUNTS = st.integers(0, 2**63 - 1)
USAGE = st.builds(Usage, requests=st.integers(0, 2), input_tokens=COUNTS, cost=st.none() | st.floats(0, 9))
ANYTHING = st.recursive(st.none() | st.booleans() | st.integers() | NAMES, lambda inner: st.lists(inner, max_size=2))
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(events.NodeFinished, NAMES, TIMES, st.integers(1, 3)),
    st.builds(events.NodeFailed, NAMES, NAMES, NAMES, TIMES, st.integers(1, 3), st.booleans()),
    st.builds(events.ModelFinished, NAMES, USAGE, TIMES, st.none() | TIMES, st.sampled_from(["stop", "length"])),
    st.builds(events.ModelFailed, NAMES, NAMES, NAMES, TIMES),
    st.builds(events.ToolFinished, NAMES, NAMES, TIMES, st.booleans()),
    st.builds(events.StepCommitted, COUNTS, st.lists(NAMES, max_size=3).map(tuple)),
    st.builds(events.MessageAdded, COUNTS),
    st.builds(events.RunStarted, NAMES, COUNTS),
    st.builds(events.RunResumed, NAMES, st.sampled_from(["answered", "recovered", "asked"])),
    st.builds(events.ContextCompacted, COUNTS, st.booleans()),
    st.just(events.RunFinished()),
    st.builds(events.RunFailed, NAMES, NAMES),
    st.builds(events.RunPaused, st.lists(st.builds(events.Question, NAMES, ANYTHING), max_size=2).map(tuple)),
    st.builds(events.Custom, NAMES, ANYTHING),
)
PATHS = st.lists(st.sampled_from(["", "a", "1:b", "ü"]), max_size=4).map(tuple)


@given(st.lists(st.tuples(TIMES, PATHS, EVENTS), min_size=1), st.data())
def test_events_of_a_row_are_read_from_any_number_on(
    told: list[tuple[float, tuple[str, ...], Event]], data: st.DataObject
) -> None:
    first = data.draw(st.integers(1, 10**6))
    rows = [EventRow(seq=seq, at=at, path=path, event=event) for seq, (at, path, event) in enumerate(told, first)]
    after = data.draw(st.integers(first - 2, rows[-1].seq))
    assert unpack_events(rows[-1].seq, pack_events(rows), after) == [row for row in rows if row.seq > after]


def test_a_step_is_short() -> None:
    at = events.now()
    rows = [
        EventRow(seq=1, at=at, path=("loop", "12:again"), event=events.NodeFinished("again", round(at - 0.000125, 6))),
        EventRow(seq=2, at=at, path=("loop",), event=events.StepCommitted(12, ("count",))),
    ]
    assert len(pack_events(rows)) <= 50
    assert len(msgspec.json.encode(rows)) > 200


def test_the_order_of_what_is_kept_by_place_stays() -> None:
    """On disk are numbers and places. Add at the end of a line or of the table; change nothing else."""
    kept = [(kind.__name__, " ".join(kind.__struct_fields__)) for kind in NUMBERED]
    known = [
        ("NodeFinished", "node started_at attempt"),
        ("StepCommitted", "step changed"),
        ("MessageAdded", "seq message"),
        ("ModelFinished", "model usage started_at first_piece_at finish"),
        ("ToolFinished", "call_id name started_at failed result"),
        ("RunStarted", "target step"),
        ("RunFinished", "output usage"),
        ("RunResumed", "target reason"),
        ("NodeFailed", "node code message started_at attempt retrying"),
        ("ModelFailed", "model code message started_at"),
        ("ContextCompacted", "start summarised"),
    ]
    for (name, fields), (known_name, known_fields) in zip(kept, known, strict=False):
        assert (name, fields[: len(known_fields)]) == (known_name, known_fields)
    assert len(kept) >= len(known)
    used = " ".join(Usage.__struct_fields__)
    assert used.startswith(
        "requests input_tokens output_tokens cached_tokens cache_write_tokens reasoning_tokens audio_tokens cost"
    )
