"""The pytest plugin: cassettes for tests, and a guard against live calls. Nothing is imported until a test asks for it.

* ``@pytest.mark.weft_cassette``, with a path or without: models are replayed from a cassette beside the test.
* ``--weft-models=record`` records what is not on it yet; ``live`` records all anew; ``replay`` is what holds else.
* ``weft_forbid_live_calls = true`` in pytest's settings: a test that would really ask a model fails, unless it is
  marked ``weft_live``.
"""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("weft")
    group.addoption("--weft-models", choices=("replay", "record", "live"), help="where models' answers come from")
    parser.addini("weft_forbid_live_calls", "a call of a real model fails the test", type="bool", default=False)
    parser.addini("weft_cassettes", "the folder of cassettes beside each test", default="cassettes")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "weft_cassette(path=None, mode=None): models are replayed from a cassette")
    config.addinivalue_line("markers", "weft_live: really asks models")


@pytest.fixture
def weft_cassette(request: pytest.FixtureRequest) -> Path:
    """The cassette of this test, which is in use as long as the test runs."""
    return _path(request)


@pytest.fixture(autouse=True)
def _weft_models(request: pytest.FixtureRequest) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]  # pytest
    marker = request.node.get_closest_marker("weft_cassette")
    guarded = request.config.getini("weft_forbid_live_calls")
    if marker is None and "weft_cassette" not in request.fixturenames and not guarded:
        yield
        return
    from weft.models.tape import live_calls, no_live_calls, tape  # noqa: PLC0415  # most tests never ask

    with ExitStack() as stack:
        if request.node.get_closest_marker("weft_live") is not None:
            stack.enter_context(live_calls())
        elif marker is not None or "weft_cassette" in request.fixturenames:
            mode = marker.kwargs.get("mode") if marker is not None else None
            chosen: str | None = request.config.getoption("--weft-models")
            stack.enter_context(tape(_path(request), chosen or mode or os.environ.get("WEFT_MODELS")))
        else:
            stack.enter_context(no_live_calls())
        yield


def _path(request: pytest.FixtureRequest) -> Path:
    """``cassettes/MODULE/TEST.yaml`` beside the module, or what the marker says, from there."""
    folder: Path = request.node.path.parent
    marker = request.node.get_closest_marker("weft_cassette")
    given = None if marker is None else (marker.kwargs.get("path") or next(iter(marker.args), None))
    if given is not None:
        return folder / given
    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    return folder / str(request.config.getini("weft_cassettes")) / request.node.path.stem / f"{name}.yaml"
