"""LiteLLM is imported once, before the clock of any test runs, and its connections are closed after each."""

from collections.abc import AsyncIterator

import pytest

from weft.models.litellm import close_connections, load


@pytest.fixture(scope="session")
def imported() -> None:
    load()


@pytest.fixture
async def litellm(imported: None) -> AsyncIterator[None]:
    yield
    await close_connections()
