"""Keys and personal data out of what is written down: the same stand-in for the same person, so that it fits together.

What is found, and how it is told from what only looks so, is ``security.redaction``'s; what stands in its place can be
found in the same way, so that a text is blotted the same whether it was real or had been blotted before.
"""

import ipaddress
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from weft.security.redaction import KINDS, SECRETS, Kind

HIDDEN = "<hidden>"
_NAME = re.compile(r"(api[-_]?key|authorization|secret|password|token|cookie|credential)s?$", re.IGNORECASE)
_SETTING = re.compile(
    r"(^|[-_.])(key|token|auth|pwd|passphrase|passwd|pass|session|bearer)s?$|[a-z](Key|Token|Auth|Secret|Password)s?$|"
    r"(?i:api[-_]?key|authori[sz]ation|secret|password|cookie|credential|access[-_]?key([-_]?id)?)s?$",
)
"""What keys are called among settings and headers, where nothing but a key is called so."""
_NO_SECRET = re.compile(r"(^|_)(prompt_cache_key|[a-z]*_tokens|stop_token)$", re.IGNORECASE)
_FORM = re.compile(
    r"(?<!\w)(?:sk|pk|rk)[-_][A-Za-z0-9_-]{12,}|(?<!\w)(?:gsk|xai|key|csk|pplx|hf|r8|fw)[-_][A-Za-z0-9]{16,}"
    r"|(?<!\w)nvapi-[\w-]{20,}|(?<!\w)github_pat_\w{12,}"
    r"|(?<!\w)gh[pousr]_\w{20,}|(?<!\w)AIza[\w-]{20,}|(?<!\w)eyJ[\w-]{10,}\.[\w-]+\.[\w-]+|(?<=Bearer )[\w.~+/-]{8,}"
    r"|(?i:(?<=password: )|(?<=password is ))\S{6,}"
    r"|(?i:\w*(?:secret|passw(?:or)?d|api_?key|access_?key|auth_?token)\w*[\"']? ?[=:] ?[\"']?)[\w/+.~-]{12,}"
)
_SECRET_KINDS = (*[kind for kind in SECRETS if kind.name != "random"], Kind("form", _FORM))
_OPAQUE = frozenset({"data", "signature", "redacted", "blob"})
"""Fields of a message's parts that are no words: to change a letter of them is to break them."""
Span: TypeAlias = tuple[int, int, str]


def is_secret_name(name: str) -> bool:
    """
    >>> [is_secret_name(name) for name in ("X-Api-Key", "accessToken", "X-Auth", "max_tokens", "prompt_cache_key")]
    [True, True, True, False, False]
    """
    found = _SETTING.search(name) or _SETTING.search(name.lower())
    return found is not None and _NO_SECRET.search(name) is None


def holds_secret(text: str) -> bool:
    """Whether something in the text has the form of a key.

    >>> holds_secret("gsk_abcdefghijklmnop"), holds_secret("https://ada:12345678@example.com"), holds_secret("a token")
    (True, True, False)
    """
    return next(_secret_spans(text), None) is not None


def hidden(value: Any, name: str = "", *, setting: bool = False) -> Any:
    """The same without what looks like a secret, by its form or by its name.

    >>> hidden({"api_key": "abc", "text": "use sk-abcdefghijklmnop please"})
    {'api_key': '<hidden>', 'text': 'use <hidden> please'}
    """
    if isinstance(value, str):
        named = is_secret_name(name) if setting else _NAME.search(name) is not None
        return HIDDEN if named else _replaced(value, _secret_spans(value))
    if isinstance(value, dict):
        return _fields(value, lambda each, inner: hidden(inner, each, setting=setting or each == "settings"))  # pyright: ignore[reportUnknownArgumentType]  # JSON
    if isinstance(value, list):
        return [hidden(inner, name, setting=setting) for inner in value]  # pyright: ignore[reportUnknownVariableType]  # JSON
    return value


def _fields(value: dict[str, Any], change: Callable[[str, Any], Any]) -> dict[str, Any]:
    opaque = _OPAQUE if value.get("type") in ("media", "reasoning", "tool_call") else ()
    return {name: inner if name in opaque else change(name, inner) for name, inner in value.items()}


class Persons:
    """Stand-ins for mail addresses, telephone, card and account numbers ...: the same one for the same one.

    >>> Persons().hide({"to": "ada@b.org", "cc": ["bob@b.org", "ada@b.org"], "call": "+44 20 7946 0958"})
    {'to': 'person1@example.com', 'cc': ['person2@example.com', 'person1@example.com'], 'call': '+10000000003'}
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def hide(self, value: Any) -> Any:
        """The same value without them."""
        if isinstance(value, str):
            return _replaced(value, self._spans(value))
        if isinstance(value, dict):
            return _fields(value, lambda _, inner: self.hide(inner))  # pyright: ignore[reportUnknownArgumentType]  # JSON
        if isinstance(value, list):
            return [self.hide(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]  # JSON
        return value

    def pieces(self, said: Sequence[str]) -> list[str]:
        """Pieces of one text without persons and secrets, also where one is cut in two; some may be empty.

        >>> Persons().pieces(["Write to ada@exa", "mple.org", " now"])
        ['Write to person1@example.com', '', ' now']
        """
        text = "".join(said)
        secrets = list(_secret_spans(text))
        persons = [each for each in self._spans(text) if not any([_meet(each, other) for other in secrets])]
        return _cut(said, sorted([*secrets, *persons]))

    def shown(self, value: Any) -> Any:
        """The same value with the persons of ``hide`` again in their places.

        >>> persons = Persons()
        >>> persons.shown(persons.hide({"to": "ada@b.org"}))
        {'to': 'ada@b.org'}
        """
        real = {stands: person for person, stands in self._known.items() if person != stands}
        if not real:
            return value
        pattern = re.compile(
            "|".join([rf"(?<!\w){re.escape(each)}(?!\w)" for each in real]).replace(r"(?<!\w)\+", r"\+")
        )
        return _with(value, lambda text: pattern.sub(lambda found: real[found.group()], text))

    def _spans(self, text: str) -> Iterator[Span]:
        taken: list[Span] = []
        for kind, _ in _STAND_INS:
            for found in kind.pattern.finditer(text):
                span = (found.start(), found.end(), "")
                if _is_one(kind, found.group()) and not any([_meet(span, one) for one in taken]):
                    taken.append(span)
        for start, end, _ in sorted(taken):
            yield start, end, self._name(text[start:end])

    def _name(self, person: str) -> str:
        if person not in self._known:
            made = next(make for kind, make in _STAND_INS if kind.pattern.fullmatch(person) and _is_one(kind, person))
            self._known[person] = made(len(self._known) + 1)
        return self._known[person]


def _is_one(kind: Kind, text: str) -> bool:
    return kind.check is None or kind.check(text)


def _with(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return _fields(value, lambda _, inner: _with(inner, change))  # pyright: ignore[reportUnknownArgumentType]  # JSON
    if isinstance(value, list):
        return [_with(inner, change) for inner in value]  # pyright: ignore[reportUnknownVariableType]  # JSON
    return value


def _secret_spans(text: str) -> Iterator[Span]:
    """In order, and none within another."""
    found = sorted([(each.start(), -each.end()) for kind in _SECRET_KINDS for each in kind.pattern.finditer(text)])
    ended = 0
    for start, end in found:
        if start >= ended:
            ended = -end
            yield start, ended, HIDDEN


def _meet(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _replaced(text: str, spans: Iterator[Span]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, word in spans:
        parts += [text[at:start], word]
        at = end
    return "".join([*parts, text[at:]]) if parts else text


def _cut(said: Sequence[str], spans: Sequence[Span]) -> list[str]:
    """The pieces with the spans replaced: what stands for one is wholly in the piece in which it begins."""
    text, left = "".join(said), deque(spans)
    cut: list[str] = []
    at = end = 0
    for piece in said:
        end += len(piece)
        parts: list[str] = []
        while left and left[0][0] < end:
            start, stop, word = left.popleft()
            parts += [text[at:start], word]
            at = stop
        parts.append(text[at:end])
        at = max(at, end)
        cut.append("".join(parts))
    return cut


def _is_public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global or text.startswith("203.0.113.")


def _card(number: int) -> str:
    """One that passes Luhn's check, as who reads it may look."""
    base = f"42424242{number:07}"
    doubled = [int(digit) * 2 - 9 * (int(digit) > 4) for digit in base[::-2]]
    return f"{base}{-(sum(map(int, base[-2::-2])) + sum(doubled)) % 10}"


def _iban(number: int) -> str:
    account = f"{number:018}"
    return f"DE{98 - int(f'{account}131400') % 97:02}{account}"


_MAIL = Kind("email", re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"))
_PHONE = Kind(
    "phone",
    re.compile(
        r"(?<![\w+])\+\d[\d ().-]{7,18}\d(?!\w)|(?<![\w.(-])\(\d{3}\) ?\d{3}[ .-]\d{4}(?![\w-])"
        r"|(?<![\w.-])\d{3}[ .-]\d{3}[ .-]\d{4}(?![\w.-]\d|\w)|(?<![\w.,-])0\d{2,4}[ /]\d{5,9}(?![\w.,-])"
    ),
)
_STAND_INS: tuple[tuple[Kind, Callable[[int], str]], ...] = (
    (_MAIL, "person{}@example.com".format),
    (KINDS["iban"], _iban),
    (_PHONE, "+1{:010}".format),
    (Kind("card", re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w.-])"), KINDS["card"].check), _card),
    (KINDS["ssn"], "219-09-{:04}".format),
    (Kind("ip", KINDS["ip"].pattern, _is_public), "203.0.113.{}".format),
)
