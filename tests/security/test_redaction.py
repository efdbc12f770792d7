"""Personal data and secrets: what is found, what is not, and that a stream is redacted as the whole is."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import UsageError
from weft.security.redaction import KINDS, PERSONAL, SECRETS, Kind, Redactor, kinds_of

ALL = Redactor(*PERSONAL, *SECRETS)
PRIVATE = "PRIVATE KEY-----"
KEY = f"-----BEGIN RSA {PRIVATE}\nMIIEow IBAAK\nCAQEA\n-----END RSA {PRIVATE}"
TOKEN = "ghp_" + "a1B2" * 9
FOUND = [
    ("mail ada.love+x@mail.example.co.uk now", "mail [email] now"),
    ("to DE89 3704 0044 0532 0130 00, please", "to [iban], please"),
    ("GB29NWBK60161331926819", "[iban]"),
    ("card 4111 1111 1111 1111 exp", "card [card] exp"),
    ("card 4111-1111-1111-1111", "card [card]"),
    ("ssn 123-45-6789.", "ssn [ssn]."),
    ("at 192.168.10.254, port 1", "at [ip], port 1"),
    ("call +49 30 901820 or", "call [phone] or"),
    ("call (030) 9018 2044", "call [phone]"),
    (f"key:\n{KEY}\nend", "key:\n[private_key]\nend"),
    ("AKIA" + "IOSFODNN7EXAMPLE", "[aws_key]"),
    (f"use {TOKEN}", "use [github_token]"),
    ("sk-" + "proj-abcdefghij0123456789XYZ", "[api_key]"),
    ("postgres://ada:hunter2@db/x", "postgres://[url_password]@db/x"),
    ('password="correct-horse"', '[password]"'),
    ("v=Zk3qT9wLx0PvB7nYcR2mHs8Ud5GaJe4K done", "v=[random] done"),
]
LEFT = [
    "In 2024 we sold 1234 of 5678 pieces, 12.5 % more.",
    "Version 10.2.3 of 2026-11-21 at 14:30",
    "card 4111 1111 1111 1112",
    "the sha is 0123456789abcdef0123456789abcdef",
    "I AM A MAN OF FEW WORDS, AS YOU KNOW",
    "ask-me-anything about sk-8 boards",
]


@pytest.mark.parametrize(("text", "wanted"), FOUND)
def test_what_is_found(text: str, wanted: str) -> None:
    assert ALL.whole(text) == wanted
    assert len(ALL.found(text)) == 1


@pytest.mark.parametrize("text", LEFT)
def test_what_is_left_alone(text: str) -> None:
    assert ALL.whole(text) == text
    assert ALL.found(text) == ()


PIECE = st.one_of(
    st.sampled_from(
        [text for text, _ in FOUND] + [*LEFT, KEY[:40], KEY[30:], "-----BEGIN", " ", "  ", "\n", "A ", "1 "]
    ),
    st.text(alphabet="aA1 @.-+\n()/:", max_size=12),
)
TEXT = st.lists(PIECE, max_size=6).map("".join)


@settings(max_examples=400, deadline=None)
@given(TEXT, st.lists(st.integers(0, 200), max_size=12), st.booleans())
def test_a_stream_is_redacted_as_the_whole_is(text: str, cuts: list[int], own: bool) -> None:
    lines = (Kind("ticket", re.compile(r"TCK \d+|1 aA?")),) if own else ()
    redactor = Redactor(*PERSONAL, *SECRETS, lines=lines)
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    stream = redactor.stream()
    said = [stream.feed(text[a:b]) for a, b in zip([0, *ends], ends, strict=False)]
    assert "".join([*said, stream.end()]) == redactor.whole(text)


@pytest.mark.parametrize(("text", "wanted"), FOUND)
def test_letter_by_letter(text: str, wanted: str) -> None:
    stream = ALL.stream()
    assert "".join([*map(stream.feed, text), stream.end()]) == wanted


def test_prose_is_not_held_back() -> None:
    stream = ALL.stream()
    assert stream.feed("Words come ") == "Words come "
    assert stream.feed("at on") == "at "
    assert stream.feed("ce, my card is 4111 1111 ") == "once, my card is "
    assert stream.feed("1111 1111 or so ") == "[card] or so "


def test_an_unknown_kind_is_refused() -> None:
    assert kinds_of(("email",), PERSONAL) == (KINDS["email"],)
    with pytest.raises(UsageError, match="'emial'"):
        kinds_of(("emial",), PERSONAL)


def test_the_order_in_which_kinds_are_named_means_nothing() -> None:
    for names in (("phone", "iban"), ("iban", "phone")):
        redactor = Redactor(*[KINDS[name] for name in names])
        assert redactor.whole("to DE89 3704 0044 0532 0130 00, please") == "to [iban], please"
