"""The detectors detect."""

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.warm import ROOT, python

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


CASES = {
    "task": (LEAK, "tasks are left"),
    "fixture": (LEAK_IN_A_FIXTURE, "forgotten"),
    "tidy": (TIDY, None),
    "blocked": (BLOCKED.format(seconds=3.1), "the event loop was blocked for 3."),
    "noted": (BLOCKED.format(seconds=0.4), None),
    "allowed": (BLOCKED.format(seconds=3.1).replace("async", "@pytest.mark.blocks\nasync"), None),
}
"""A module of tests each, and the words of its only failure."""


@pytest.fixture(scope="module")
def ran(warm: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A pytest of its own for all of them: its report, and what it printed."""
    folder = tmp_path_factory.mktemp("leaks")
    (folder / "pytest.ini").write_text(INI.format(root=ROOT))
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.plugins.leaks"]')
    for name, (source, _) in CASES.items():
        (folder / f"test_{name}.py").write_text(source)
    plugins = ("--disable-plugin-autoload", "-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider")
    command = python("-m", "pytest", "-q", *plugins, f"--junitxml={folder}/report.xml")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return folder / "report.xml", done.stdout


@pytest.mark.parametrize("name", CASES)
def test_the_detectors(name: str, ran: tuple[Path, str]) -> None:
    report, printed = ran
    cases = [case for case in ElementTree.parse(report).iter("testcase") if case.get("classname") == f"test_{name}"]
    told = [
        f"{each.get('message')} {each.text}" for case in cases for each in (*case.iter("failure"), *case.iter("error"))
    ]
    words = CASES[name][1]
    assert len({case.get("name") for case in cases}) == (2 if name == "tidy" else 1)
    assert len(told) == (words is not None), told
    assert all(words in each for each in told if words)
    noted = re.search(rf"test_{name}\.py::test_it\n.*BlockedLoop: 0\.\d+ s", printed)
    assert (noted is not None) == (name == "noted"), printed
