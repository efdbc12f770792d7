"""One server for the tests that do not stop it."""

from collections.abc import Iterator

import httpx
import pytest
from tests.server.serving import app_in, serving


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(app_in(tmp_path_factory.mktemp("served")), beat=0.3) as url:
        yield url


@pytest.fixture(scope="session")
def api(address: str) -> Iterator[httpx.Client]:
    """A client of the shared server's API."""
    with httpx.Client(base_url=f"{address}api/v1/", timeout=30) as client:
        yield client
