"""Bodies that hold several things, or fewer bytes than they are, come back as they were."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from weft import events
from weft.messages import Message, Text, ToolCall, ToolResult, Usage
from weft.storage.base import CheckpointRow, EventRow, SlotRow
from weft.storage.packing import pack_events, pack_state, unpack_events, unpack_state
from weft.storage.phrases import restored, shortened

TEXT = st.text(max_size=30) | st.sampled_from(['"}],"id":"msg_', '","name":"', "\x01\x02", '{"type":"run.started",'])
USAGE = st.builds(Usage, requests=st.integers(0, 2), input_tokens=st.integers(0), cost=st.none() | st.just(0.0))
THINGS = st.one_of(
    st.builds(events.NodeFinished, TEXT, st.floats(0, 2e9), st.integers(1, 3)),
    st.builds(events.ModelFinished, TEXT, USAGE, st.floats(0, 2e9), st.none() | st.floats(0, 2e9)),
    st.builds(events.StepCommitted, st.integers(0), st.lists(TEXT, max_size=3).map(tuple)),
    st.builds(events.RunStarted, TEXT),
    st.builds(events.RunFinished),
    st.builds(events.Custom, TEXT, TEXT),
    st.builds(lambda *parts: Message(role="user", parts=parts), st.builds(Text, TEXT)),
    st.builds(lambda *parts: Message(role="assistant", parts=parts), st.builds(ToolCall, TEXT, TEXT)),
    st.builds(lambda *parts: Message(role="tool", parts=parts), st.builds(ToolResult, TEXT, TEXT, TEXT)),
)


@given(THINGS | TEXT)
def test_every_body_comes_back(thing: object) -> None:
    body = msgspec.json.encode(thing)
    assert restored(shortened(body)) == body


@given(st.binary() | st.binary().map(lambda tail: b'{"role":"user",' + tail))
def test_even_what_is_no_json_comes_back(body: bytes) -> None:
    assert restored(shortened(body)) == body


def test_what_every_turn_says_is_short() -> None:
    turn = events.ModelFinished("m", Usage(requests=1, input_tokens=10, output_tokens=5, cost=0.0), 1.5, 2.5)
    body = msgspec.json.encode(turn)
    assert len(shortened(body)) < len(body) / 3
    assert len(shortened(body * 100)) == len(body) * 100


@given(st.lists(st.tuples(st.sampled_from(["[]", '["a"]', '["a","1:b"]']), THINGS), min_size=1), st.data())
def test_events_of_a_row_are_read_from_any_number_on(said: list[tuple[str, object]], data: st.DataObject) -> None:
    first = data.draw(st.integers(1, 10**6))
    rows = [
        EventRow(seq=seq, at=seq / 7, path=path, body=msgspec.json.encode(thing))
        for seq, (path, thing) in enumerate(said, first)
    ]
    after = data.draw(st.integers(first - 2, rows[-1].seq))
    assert unpack_events(rows[-1].seq, pack_events(rows), after) == [row for row in rows if row.seq > after]


def test_a_state_holds_what_was_set_in_its_step_and_where_the_rest_is() -> None:
    slots = (
        SlotRow(channel="set", op="set", body=b"1"),
        SlotRow(channel="more", op="append", body=b"2"),
        SlotRow(channel="gone", op="delete"),
    )
    row = CheckpointRow(
        path="a", step=7, version="v", head=b"{}", slots=slots, ranges={"set": (7, 7), "more": (3, 7), "old": (2, 2)}
    )
    state = unpack_state(pack_state(row, 1.5))
    assert (state.version, state.head, state.values, state.at) == ("v", b"{}", {"set": b"1"}, 1.5)
    assert state.ranges == {"more": (3, 7), "old": (2, 2)}
