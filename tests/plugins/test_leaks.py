"""The detectors detect."""

import pytest

pytest_plugins = ["pytester"]

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
pythonpath = {root}
"""

LEAK = """
import asyncio

async def test_it():
    asyncio.get_running_loop().the_task = asyncio.create_task(asyncio.sleep(30), name="forgotten")
"""

LEAK_IN_A_FIXTURE = """
import asyncio, pytest

@pytest.fixture
async def server():
    task = asyncio.create_task(asyncio.sleep(30), name="forgotten")
    yield task

async def test_it(server): ...
"""

TIDY = """
import asyncio, pytest

@pytest.fixture
async def server():
    task = asyncio.create_task(asyncio.sleep(30))
    yield
    task.cancel()

async def test_it(server):
    asyncio.create_task(asyncio.sleep(0.01))

def test_plain(): ...
"""

BLOCKED = """
import time, pytest

async def test_it():
    time.sleep({seconds})
"""


@pytest.mark.parametrize(
    ("source", "failed", "words"),
    [
        (LEAK, 1, "*tasks are left*"),
        (LEAK_IN_A_FIXTURE, 1, "*forgotten*"),
        (TIDY, 0, "*2 passed*"),
        (BLOCKED.format(seconds=3.1), 1, "*the event loop was blocked for 3.*"),
        (BLOCKED.format(seconds=0.3), 0, "*BlockedLoop: 0.3*"),
        (BLOCKED.format(seconds=3.1).replace("async", "@pytest.mark.blocks\nasync"), 0, "*1 passed*"),
    ],
    ids=["task", "fixture", "tidy", "blocked", "noted", "allowed"],
)
def test_the_detectors(
    source: str, failed: int, words: str, pytester: pytest.Pytester, pytestconfig: pytest.Config
) -> None:
    pytester.makeini(INI.format(root=pytestconfig.rootpath))
    pytester.makeconftest('pytest_plugins = ["tests.plugins.leaks"]')
    pytester.makepyfile(source)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", outcomes.get("error", 0)) == failed
    result.stdout.fnmatch_lines([words])
