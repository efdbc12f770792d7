"""How deltas become an answer, whatever a provider does with numbers, names and ends."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.messages import Finish, Media, Reasoning, Text, Usage
from weft.models.base import Answer, Piece
from weft.models.reading import Assembly, usage_of


def call(index: int | None, id: str | None, name: str | None, arguments: str, **extras: Any) -> SimpleNamespace:
    function = SimpleNamespace(name=name, arguments=arguments)
    return SimpleNamespace(index=index, id=id, function=function, provider_specific_fields=extras or None)


def read(*deltas: dict[str, Any], finish: str | None = "stop", id: str | None = "r1") -> Answer:
    assembly = Assembly()
    for delta in deltas:
        assembly.add(SimpleNamespace(**delta))
    return assembly.answer(response_id=id, model="m", finish=finish, usage=Usage())


@pytest.mark.parametrize(
    "calls",
    [
        [call(0, "a", "f", '{"x":'), call(0, None, None, "1}"), call(1, "b", "f", '{"x":2}')],
        [call(0, "a", "f", ""), call(0, "a", "f", '{"x":1}'), call(1, "b", "f", '{"x":2}')],
        [call(0, "a", "f", '{"x":1}'), call(0, "b", "f", '{"x":2}')],
        [call(None, "a", "f", '{"x":1}'), call(None, "b", "f", '{"x":2}')],
        [call(None, "a", "f", '{"x"'), call(None, "a", None, ":1}"), call(None, "b", "f", '{"x":2}')],
        [call(1, "b", "f", '{"x":2'), call(0, "a", "f", '{"x":1}'), call(1, "", "", "}")],
    ],
    ids=["usual", "id and name repeated", "one index for all", "no index", "no index, in parts", "mixed"],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_parallel_calls_however_they_are_numbered(calls: list[SimpleNamespace], at_once: bool) -> None:
    deltas = [{"tool_calls": calls}] if at_once else [{"tool_calls": [each]} for each in calls]
    found = {each.id: (each.name, each.arguments, each.invalid) for each in read(*deltas).message.tool_calls}
    assert found == {"a": ("f", {"x": 1}, None), "b": ("f", {"x": 2}, None)}


def test_calls_without_ids() -> None:
    deltas = [{"tool_calls": [call(0, "", "f", "{}"), call(0, None, "f", '{"x":2}'), call(0, None, "g", "")]}]
    made = read(*deltas).message.tool_calls
    assert [(each.name, each.arguments) for each in made] == [("f", {}), ("f", {"x": 2}), ("g", {})]
    assert len({each.id for each in made}) == 3
    assert made == read(*deltas).message.tool_calls
    assert {each.id for each in made}.isdisjoint({each.id for each in read(*deltas, id="r2").message.tool_calls})
    assert len({each.id for each in read(*deltas, id=None).message.tool_calls}) == 3


def test_an_id_that_two_calls_share_is_given_to_one() -> None:
    made = read({"tool_calls": [call(0, "call_0", "f", "{}"), call(1, "call_0", "g", "{}")]}).message.tool_calls
    assert [each.name for each in made] == ["f", "g"]
    assert made[0].id == "call_0" != made[1].id


def test_proofs_of_thought() -> None:
    hidden = call(0, "call_1__thought__sig", "f", "{}")
    told = call(1, "call_2", "g", "{}", thought_signature="sig2")
    made = read({"tool_calls": [hidden, told]}).message.tool_calls
    assert [(each.id, each.signature) for each in made] == [("call_1", "sig"), ("call_2", "sig2")]
    blocks = [{"type": "thinking", "thinking": "a"}, {"type": "thinking", "thinking": "b"}]
    ends = [{"type": "thinking", "thinking": "", "signature": "s"}, {"type": "redacted_thinking", "data": "d"}]
    more = [{"type": "thinking", "thinking": "c", "signature": "t"}]
    answer = read(*({"thinking_blocks": [block], "reasoning_content": "x"} for block in [*blocks, *ends, *more]))
    assert answer.message.parts == (
        Reasoning("ab", signature="s"),
        Reasoning("", redacted="d"),
        Reasoning("c", signature="t"),
    )
    gemini = read({"content": "yes", "provider_specific_fields": {"thought_signatures": ["s"]}})
    assert gemini.message.parts == (Reasoning("", signature="s", redacted="gemini:"), Text("yes"))


@pytest.mark.parametrize(
    ("finish", "calls", "ours"),
    [
        ("stop", False, "stop"),
        ("stop", True, "tool_calls"),
        ("tool_calls", False, "stop"),
        ("function_call", True, "tool_calls"),
        ("length", True, "length"),
        ("content_filter", False, "content_filter"),
        ("something new", False, "stop"),
        (None, False, "stop"),
    ],
)
def test_finishes(finish: str | None, calls: bool, ours: Finish) -> None:
    made = [{"tool_calls": [call(0, "a", "f", "{}")]}] if calls else []
    assert read(*made, finish=finish).finish == ours


def test_pictures() -> None:
    images = [
        {"image_url": {"url": "data:image/webp;base64,YQ=="}},
        {"image_url": {"url": "https://example.com/a"}},
        {},
    ]
    assert read({"images": images}).message.parts == (
        Media(mime="image/webp", data=b"a"),
        Media(mime="image/png", url="https://example.com/a"),
    )


def test_what_is_shown_and_when() -> None:
    assembly = Assembly()
    shown = assembly.add(SimpleNamespace(reasoning_content="hm", content="yes"))
    assert shown == [Piece("hm", "reasoning"), Piece("yes")]
    assert assembly.add(SimpleNamespace(content="", role="assistant")) == []
    assembly.refuse("no")
    assert assembly.late() == [Piece("no")]


def test_usage() -> None:
    told = SimpleNamespace(cached_tokens=3, cache_creation_tokens=2, audio_tokens=1)
    said = SimpleNamespace(reasoning_tokens=4, audio_tokens=None)
    counted = SimpleNamespace(
        prompt_tokens=10, completion_tokens=5, prompt_tokens_details=told, completion_tokens_details=said
    )
    assert usage_of(counted, 0.5) == Usage(
        requests=1,
        input_tokens=10,
        output_tokens=5,
        cached_tokens=3,
        cache_write_tokens=2,
        reasoning_tokens=4,
        audio_tokens=1,
        cost=0.5,
    )
    assert usage_of(None, None) == Usage(requests=1, cost=None)


@given(arguments=st.text(max_size=30), cuts=st.lists(st.integers(0, 30), max_size=4))
def test_arguments_are_read_or_kept_never_lost(arguments: str, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(arguments)]
    pieces = [arguments[start:end] for start, end in itertools.pairwise(edges)]
    first, *rest = pieces
    deltas = [
        {"tool_calls": [call(0, "a", "f", first)]},
        *({"tool_calls": [call(0, None, None, each)]} for each in rest),
    ]
    (made,) = read(*deltas).message.tool_calls
    assert made.invalid in (None, "".join(pieces))
