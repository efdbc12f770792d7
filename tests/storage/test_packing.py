"""Bodies that hold several things, or fewer bytes than they are, come back as they were."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from weft.messages import Message, Text, ToolCall, ToolResult, Usage
from weft.storage.base import CheckpointRow
from weft.storage.packing import pack_state, unpack_state
from weft.storage.phrases import restored, shortened

TEXT = st.text(max_size=30) | st.sampled_from(['"}],"id":"msg_', '","name":"', "\x01\x02", '{"role":"user",'])
USAGE = st.builds(Usage, requests=st.integers(0, 2), input_tokens=st.integers(0), cost=st.none() | st.floats(0, 9))
THINGS = st.one_of(
    USAGE,
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
    body = msgspec.json.encode(Usage(requests=1, input_tokens=10, output_tokens=5, cost=0.0))
    assert len(shortened(body)) < len(body) / 5
    assert len(shortened(body * 100)) < len(body) * 5


def test_a_state_holds_what_was_set_in_its_step_and_where_the_rest_is() -> None:
    ranges, added = {"more": (3, 7), "old": (2, 2)}, {"more": b"2"}
    row = CheckpointRow(path="a", step=7, version="v", head=b"{}", values={"set": b"1"}, added=added, ranges=ranges)
    state = unpack_state(pack_state(row, 1.5))
    assert (state.version, state.head, state.values, state.at) == ("v", b"{}", {"set": b"1"}, 1.5)
    assert state.ranges == ranges
