"""What is kept on cassettes: no keys and no persons, in whatever pieces they came, and yet a replay is what it was."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from weft import Agent
from weft.messages import user
from weft.models.base import Answer, Piece, Request
from weft.models.blotting import Persons, hidden, holds_secret
from weft.models.cassette import canonical, digest
from weft.models.replay import Replay
from weft.models.scripted import Scripted, call

KEYS = [
    "-".join(["sk", "proj", "abcdefghijklmnop"]),
    "_".join(["gsk", "abcdefghijklmnopqrstuvwxyz1234"]),
    "_".join(["hf", "abcdefghijklmnopqrstuvwxyz"]),
    "_".join(["github", "pat", "11ABCDEFG0abcdefghijkl"]),
    "-".join(["xoxb", "123456789012", "abcdef"]),
    "".join(["AKIA", "IOSFODNN7EXAMPLE"]),
    "=".join(["aws_secret_access_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]),
    "\n".join([f"-----{word} PRIVATE KEY-----" for word in ("BEGIN", "END")]),
    "postgres://ada:s3cret99@db/x",
]
PERSONS = [
    "ada@lovelace.org",
    "+49 30 1234567",
    "(212) 555-0123",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "078-05-1120",
    "8.8.4.4",
]


@pytest.mark.parametrize("key", KEYS)
def test_keys_are_hidden(key: str) -> None:
    assert holds_secret(f"use {key} here")
    assert key[-8:] not in str(hidden({"text": f"use {key} here"}))


@pytest.mark.parametrize("person", PERSONS)
def test_a_stand_in_is_one_person_and_can_be_taken_back(person: str) -> None:
    persons = Persons()
    text = f"Mail bob@b.org, then {person}, and {person} again"
    told = persons.hide(text)
    assert person not in told
    assert persons.shown(told) == text
    # What has been blotted is blotted in the same way: so a replay of a replay finds what was recorded.
    assert Persons().hide(told) == Persons().hide(text)


@pytest.mark.parametrize("secret", [*KEYS, *PERSONS])
def test_nothing_is_left_of_what_came_in_pieces(secret: str) -> None:
    text = f"It is {secret} as I said"
    for size in (1, 3, 7):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        cut = Persons().pieces(pieces)
        assert "".join(cut) == Persons().hide(hidden(text))
        assert len(cut) == len(pieces)


def test_what_is_no_person_stays() -> None:
    text = "Version 1.2.3, on 127.0.0.1:8000, order 4111111111111112, from 10:30 to 11:30, 3.14159265358979"
    assert Persons().hide(hidden(text)) == text


async def test_a_tool_gets_what_it_got_when_it_was_recorded(tmp_path: Path) -> None:
    sent: list[tuple[str, str]] = []

    def send(to: str, phone: str) -> str:
        """Send a message."""
        sent.append((to, phone))
        return f"sent to {to}"

    said = "Tell bob@example.org and +49 30 1234567, not ada@example.org"
    live = Scripted([call("send", to="bob@example.org", phone="+49 30 1234567"), "Sent to bob@example.org"])
    path = tmp_path / "mail.yaml"
    recorded = await Agent("a", model=Replay(path, live), tools=[send]).run(said)
    assert "bob@example.org" not in path.read_text()
    replayed = await Agent("a", model=Replay(path), tools=[send]).run(said)
    assert recorded.output == replayed.output == "Sent to bob@example.org"
    assert sent == [("bob@example.org", "+49 30 1234567")] * 2


class _InPieces:
    name = "in-pieces"

    async def answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        from weft.messages import assistant  # noqa: PLC0415

        for text in ("Write to ada@love", "lace.org with gsk_abcdefgh", "ijklmnopqrstuvwxyz", " now"):
            yield Piece(text)
        yield Answer(message=assistant("Write to ada@lovelace.org with gsk_abcdefghijklmnopqrstuvwxyz now"))


async def test_a_stream_that_cuts_an_address_in_two(tmp_path: Path) -> None:
    path = tmp_path / "cut.yaml"
    assert "ada@lovelace.org" in (await Agent("a", model=Replay(path, _InPieces())).run("Whom?")).output
    kept = path.read_text()
    assert not [each for each in ("love", "lace.org", "abcdefgh", "ijklmnop") if each in kept]
    assert (
        await Agent("a", model=Replay(path)).run("Whom?")
    ).output == "Write to person1@example.com with <hidden> now"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It is 2026-11-21", "It is 2027-01-02"),
        ("Today is Saturday, 21 November 2026", "Today is Monday, 4 January 2027"),
        ("Sat, 21 Nov 2026 22:19:14 GMT", "Mon, 04 Jan 2027 01:02:03 GMT"),
        ("Sat Nov 21 22:05:00 2026", "Mon Jan  4 22:05:01 2027"),
        ("at 1795299090.36", "at 1798888888.1"),
        ("order 550e8400-e29b-41d4-a716-446655440000", "order 6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    ],
)
def test_times_and_ids_do_not_matter(one: str, other: str) -> None:
    asked = [digest(canonical(Request(messages=[user(text)]))) for text in (one, other, one + " more")]
    assert asked[0] == asked[1] != asked[2]
