"""Terms are the same whoever asks for them at the same time."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

from weft.memory import words


def test_stems_are_the_same_in_many_threads() -> None:
    chance = random.Random(3)
    endings = ("", "s", "ing", "ed", "ational", "fulness", "ies", "ously")
    parts = ["".join(chance.choice("abcdeilnorstuvy") for _ in range(chance.randint(2, 9))) for _ in range(2_000)]
    texts = [" ".join(part + chance.choice(endings) for part in parts[at::20]) for at in range(20)]
    expected = [words.terms(text) for text in texts]
    words._TERMS.clear()  # pyright: ignore[reportPrivateUsage]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(words.terms, [*texts, *reversed(texts)])) == [*expected, *reversed(expected)]
    finally:
        sys.setswitchinterval(before)


def test_ascii_and_other_texts_are_read_alike() -> None:
    text = "".join(map(chr, range(128))) + " It's 3.5 Snake_case CAFES"
    assert words.terms(text) == words.terms(text + " é")[:-1]
