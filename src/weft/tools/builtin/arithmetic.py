"""Arithmetic on text, for the calculator: a parser of its own, so that nothing is ever evaluated."""

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

Number: TypeAlias = int | float | Fraction
"""Exact as long as it can be: decimals and quotients are fractions until a function or a root makes a float of them."""

MAX_LENGTH = 500
MAX_DIGITS = 1_000
"""Digits of the longest whole number that it will make."""

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z]+)|(\*\*|//|[-+*/%^(),]))")
_NAMES: dict[str, Number] = {"pi": math.pi, "e": math.e, "tau": math.tau}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": math.sqrt, "abs": abs, "round": round, "floor": math.floor, "ceil": math.ceil, "min": min, "max": max,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "ln": math.log, "log": math.log10,
    "degrees": math.degrees, "radians": math.radians,
}  # fmt: skip


def calculate(expression: str) -> int | float:
    """The value of an expression: ``+ - * / // % ^ ( )``, numbers, ``pi``, ``e``, and common functions.

    Raises:
        ValueError: it is not arithmetic, has no value, or its value is too large.

    >>> calculate("2 * (3 + 4) ^ 2"), calculate("sqrt(16) / 8"), calculate("-2 ** 2"), calculate("0.1 + 0.2")
    (98, 0.5, -4, 0.3)
    """
    if len(expression) > MAX_LENGTH:
        raise ValueError(f"the expression is longer than {MAX_LENGTH} characters")
    parser = _Parser(_tokens(expression))
    try:
        value = parser.sum()
        parser.end()
        value = float(value) if isinstance(value, Fraction) else value
    except ZeroDivisionError:
        raise ValueError("division by zero has no value") from None
    except OverflowError:
        raise ValueError("the value is too large") from None
    except RecursionError:
        raise ValueError("the expression is nested too deep") from None
    except TypeError:
        raise ValueError("a function got the wrong number of values") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the value is too large")
    if isinstance(value, int) and value.bit_length() > MAX_DIGITS * 3.33:
        raise ValueError(f"the value has more than {MAX_DIGITS} digits")
    return value


def _tokens(expression: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    text = expression.replace("×", "*").replace("÷", "/").replace("−", "-").rstrip()  # noqa: RUF001 signs people type
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"{text[position:].strip()[:20]!r} is not arithmetic")
        tokens.append(match[0].strip())
        position = match.end()
    return tokens


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int | Fraction) and isinstance(exponent, int):
        if max(base.numerator.bit_length(), base.denominator.bit_length()) * abs(exponent) > MAX_DIGITS * 3.33:
            raise ValueError(f"the value has more than {MAX_DIGITS} digits")
        return _simple(Fraction(base) ** exponent)
    value: Number | complex = base**exponent
    if isinstance(value, complex):
        raise ValueError("a negative number has no real root like that")
    return _simple(value)


def _simple(value: Number) -> Number:
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def _quotient(value: Number, by: Number) -> Number:
    return value / by if isinstance(value, float) or isinstance(by, float) else Fraction(value) / by


def _literal(token: str) -> Number:
    if token.isdigit():
        return int(token)
    _, _, exponent = token.lower().partition("e")
    if abs(int(exponent or 0)) > MAX_DIGITS:
        raise ValueError("the value is too large")
    return _simple(Fraction(token))


class _Parser:
    """Recursive descent; one method for each level of precedence."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._position = tokens, 0

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self._peek()
        if token not in wanted:
            return ""
        self._position += 1
        return token

    def end(self) -> None:
        if self._peek():
            raise ValueError(f"did not expect {self._peek()!r} here")

    def sum(self) -> Number:
        value = self._product()
        while sign := self._take("+", "-"):
            value = _simple(value + self._product() if sign == "+" else value - self._product())
        return value

    def _product(self) -> Number:
        value = self._signed()
        while sign := self._take("*", "/", "//", "%"):
            right = self._signed()
            match sign:
                case "*":
                    value = value * right
                case "/":
                    value = _quotient(value, right)
                case "//":
                    value = value // right
                case _:
                    value = value % right
            value = _simple(value)
        return value

    def _signed(self) -> Number:
        if sign := self._take("+", "-"):
            return self._signed() if sign == "+" else -self._signed()
        base = self._atom()
        return _power(base, self._signed()) if self._take("^", "**") else base

    def _atom(self) -> Number:
        token = self._peek()
        self._position += 1
        if token == "(":
            value = self.sum()
            if not self._take(")"):
                raise ValueError("a bracket is not closed")
            return value
        if token[:1].isdigit() or token.startswith("."):
            return _literal(token)
        if token.lower() in _NAMES:
            return _NAMES[token.lower()]
        if token.lower() in _FUNCTIONS and self._take("("):
            return _FUNCTIONS[token.lower()](*self._arguments())
        raise ValueError(f"did not expect {token!r} here" if token else "the expression ends too early")

    def _arguments(self) -> list[Number]:
        values = [self.sum()]
        while self._take(","):
            values.append(self.sum())
        if not self._take(")"):
            raise ValueError("a bracket is not closed")
        return values
