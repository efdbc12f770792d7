"""Apps on one database for each test of the runtime."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from weft import App


@pytest.fixture
async def apps(shared_url: str) -> AsyncIterator[Any]:
    """Makes apps on one database, each with a store of its own as in another process; all are closed afterwards."""
    made: list[App] = []

    def make(*targets: Any, **options: Any) -> App:
        made.append(App(targets=targets, store=shared_url, **options))
        return made[-1]

    yield make
    for app in made:
        await app.close()
