"""Values come back as they went."""

from typing import Any

import pytest

from weft.runtime import codec


@pytest.mark.parametrize(
    ("of", "value"),
    [
        (dict[str, object], {"a": 1, "b": [None, {"c": "d"}]}),
        (list[object], [1, "two", {"three": 3}]),
        (object, {"a": [1]}),
        (dict[str, Any], {"a": 1}),
        (list[int], [1, 2]),
    ],
)
def test_what_is_stored_is_read_in_its_type(of: Any, value: Any) -> None:
    assert codec.decode(codec.encode(value), of) == value
