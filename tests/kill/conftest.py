"""One nursery for a module of tests."""

from collections.abc import Iterator

import pytest

from tests.kill.nursery import Nursery


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    kept = Nursery(tmp_path_factory.mktemp("nursery"))
    yield kept
    kept.close()
