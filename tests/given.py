"""A server of ``tests.services`` as a fixture: where there is none, the test is skipped; in CI that is a failure."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

import pytest

from tests.services import Missing

T = TypeVar("T")


def given(service: AbstractContextManager[T]) -> Iterator[T]:
    """Runs as long as the fixture."""
    try:
        with service as server:
            yield server
    except Missing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
