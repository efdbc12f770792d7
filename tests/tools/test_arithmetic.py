"""The calculator's parser: exact, bounded, and deaf to anything but arithmetic."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.tools.builtin.arithmetic import calculate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("17 * 23", 391),
        ("2 + 3 * 4 - 1", 13),
        ("2 * (3 + 4) ^ 2", 98),
        ("-2 ** 2", -4),
        ("2 ^ 3 ^ 2", 512),
        ("2 ^ -1", 0.5),
        ("7 // 2 + 7 % 4", 6),
        ("1.5e3 / .5", 3000),
        ("sqrt(16) + max(1, 2, 3)", 7),
        ("6 \u00d7 7 \u2212 2 \u00f7 2", 41),
        ("round(pi, 2)", 3.14),
        ("0.1 + 0.2", 0.3),
        ("100 * 1.15", 115),
        ("1 / 3 * 3", 1),
        ("10 / 4", 2.5),
        ("2 ^ 0.5 * 0", 0),
    ],
)
def test_values(expression: str, value: float) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "", "1 +", "(1", "1)", "2 3", "import os", "__import__('os')", "a.b", "[1]", "1; 2", "1 / 0", "sqrt(-1)",
        "sqrt", "sqrt(1, 2)", "9 ** 9 ** 9", "1e4000",
        "1e999 * 1e999", "(-8) ^ (1/3)", "(" * 400, "1" * 501, "\x00", "lambda: 1",
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_has_no_value(expression: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        calculate(expression)


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12), st.sampled_from("+-*"))
def test_whole_numbers_are_exact(left: int, right: int, sign: str) -> None:
    wanted = {"+": left + right, "-": left - right, "*": left * right}[sign]
    assert calculate(f"({left}) {sign} ({right})") == wanted


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert math.isfinite(calculate(text))
