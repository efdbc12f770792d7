"""One nursery for a module of tests: of its ``CHILD``, or of the usual one."""

from collections.abc import Iterator

import pytest

from tests.kill.nursery import Nursery


@pytest.fixture(scope="module")
def nursery(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    child = getattr(request.module, "CHILD", "tests.kill.child")
    kept = Nursery(tmp_path_factory.mktemp("nursery"), child)
    yield kept
    kept.close()
