"""The nearest of many vectors are found by their signs as they are found by all their numbers."""

import numpy as np

from weft.memory import index
from weft.memory.index import Vectors


def test_the_nearest_of_very_many_are_the_nearest() -> None:
    chance = np.random.default_rng(5)
    centres = chance.normal(size=(200, 96)).astype(np.float32)
    rows = centres[chance.integers(0, 200, 21_000)] + 0.7 * chance.normal(size=(21_000, 96)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert len(rows) > index.MANY
    vectors, words = Vectors(), np.zeros(len(rows), dtype=np.float32)
    for at, row in enumerate(rows):
        vectors.add(at, row.astype("<f4").tobytes())
    words[:10] = 1.0
    for asked in rows[chance.integers(0, len(rows), 10)] + 0.05 * centres[:10]:
        exact, found = rows @ asked, vectors.cosines(asked, words)
        assert np.argsort(-found)[:10].tolist() == np.argsort(-exact)[:10].tolist()
        assert np.allclose(found[:10], exact[:10], atol=1e-5)
        assert np.abs(found - exact).mean() < 0.15


def test_of_several_vectors_of_a_row_the_nearest_counts() -> None:
    vectors, east, north = Vectors(), np.array([1, 0], dtype="<f4"), np.array([0, 1], dtype="<f4")
    for at, row in ((0, east), (0, north), (2, -east)):
        vectors.add(at, row.tobytes())
    assert vectors.cosines(north, np.zeros(3, dtype=np.float32)).tolist() == [1.0, 0.0, 0.0]
    assert vectors.cosines(east, np.zeros(3, dtype=np.float32)).tolist() == [1.0, 0.0, -1.0]
