"""What tests share: a PostgreSQL of their own, and stores on every database."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.given import given
from tests.schemas import Schemas
from tests.services import PostgresServer, postgres
from tests.warm import light
from weft import App
from weft.storage import Store, open_store

pytest_plugins = ["tests.plugins.leaks", "tests.plugins.collecting"]

_number = count(1)

Open = Callable[[], Awaitable[Store]]


def pytest_configure() -> None:
    """Started in the background, we would ignore Ctrl+C, and so would every program that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def warm() -> None:
    """For tests with commands made by ``tests.warm.python``."""
    light()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the session."""
    yield from given(postgres())


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """A schema of its own for each test."""
    return f"{postgres_server.url}?schema=test_{os.getpid()}_{next(_number)}"


@pytest.fixture(scope="session")
def schemas(postgres_server: PostgresServer) -> Iterator[Schemas]:
    kept = Schemas(postgres_server.url, f"used_{os.getpid()}")
    yield kept
    kept.close()


@pytest.fixture
def used_url(postgres_server: PostgresServer, schemas: Schemas) -> Iterator[str]:
    """A schema with empty tables in it, which another test may get afterwards."""
    name = schemas.take()
    yield f"{postgres_server.url}?schema={name}"
    schemas.give_back(name)


@pytest.fixture(params=["memory", "file", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store on each database."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("used_url")
        return url
    return "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/weft.db?synchronous=NORMAL"


@pytest.fixture(params=["file", "postgresql"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As ``store_url``, for what several stores or processes share."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("used_url")
        return url
    return f"sqlite:///{tmp_path}/weft.db?synchronous=NORMAL"


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await open_store(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def open_shared(shared_url: str) -> AsyncIterator[Open]:
    """Opens stores on one database; they are closed after the test."""
    async with AsyncExitStack() as stack:

        async def open_one() -> Store:
            opened = await open_store(shared_url)
            stack.push_async_callback(opened.close)
            return opened

        yield open_one


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
