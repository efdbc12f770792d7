"""What a client may send, and what it may not."""

from typing import Any

import pytest
from pydantic import ValidationError

from weft.errors import UsageError
from weft.server.schemas import MAX_DEPTH, AnswerRun, RenameThread, StartRun, sound


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    ["", "grüße 🙂", 0, -(2**63), 2**63 - 1, 1.5, None, True, [], {}, {"a": [{"b": None}]}, _nested(MAX_DEPTH - 1)],
)
def test_sound_values_pass_unchanged(value: Any) -> None:
    assert sound(value) is value


@pytest.mark.parametrize(
    "value", ["a\x00b", "\ud800", {"a\x00": 1}, [["\udfff"]], 2**63, float("nan"), float("inf"), {"a": -(2**64)}]
)
def test_values_that_no_store_can_keep_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"stored|text|JSON"):
        sound(value)


@pytest.mark.parametrize("levels", [MAX_DEPTH, 900, 100_000])
def test_deep_values_are_refused_without_recursion(levels: int) -> None:
    with pytest.raises(UsageError, match="deep"):
        sound(_nested(levels))


@pytest.mark.parametrize(
    "body",
    [
        {"target": "a", "input": "hi"},
        {"target": "a", "input": "hi", "thread_id": "user:42@x"},
        {"target": "a", "input": {"topic": ["x", 1]}},
        {
            "target": "a",
            "input": [{"type": "text", "text": "look"}, {"type": "media", "mime": "image/png", "data": "AAAA"}],
        },
    ],
)
def test_a_run_may_start_with(body: dict[str, Any]) -> None:
    assert StartRun.model_validate(body).plain() == body["input"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"target": "a"},
        {"target": "", "input": "hi"},
        {"target": 5, "input": "hi"},
        {"target": "a\x00", "input": "hi"},
        {"target": "a", "input": ""},
        {"target": "a", "input": []},
        {"target": "a", "input": 5},
        {"target": "a", "input": None},
        {"target": "a", "input": "nul\x00"},
        {"target": "a", "input": {"x": "nul\x00"}},
        {"target": "a", "input": "hi", "thread_id": "../x"},
        {"target": "a", "input": "hi", "thread_id": ""},
        {"target": "a", "input": "hi", "unknown": 1},
        {"target": "a", "input": [{"type": "tool_call", "id": "1", "name": "x"}]},
        {"target": "a", "input": [{"type": "media", "mime": "image/png"}]},
        {"target": "a", "input": [{"type": "media", "mime": "image/png", "data": "not base64!"}]},
        {"target": "a", "input": [{"type": "media", "mime": "image/png", "data": "AAAA", "url": "http://x"}]},
        {"target": "a", "input": [{"type": "media", "mime": "x\r\ny: z", "data": "AAAA"}]},
    ],
)
def test_a_run_may_not_start_with(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StartRun.model_validate(body)


def test_other_bodies_are_bounded_too() -> None:
    for wrong in ({"title": "x" * 201}, {"title": "a\x00"}, {"title": 1}, {}):
        with pytest.raises(ValidationError):
            RenameThread.model_validate(wrong)
    for wrong in ({"answers": {"q": "\x00"}}, {"answers": []}):
        with pytest.raises(ValidationError):
            AnswerRun.model_validate(wrong)
