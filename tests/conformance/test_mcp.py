"""The official MCP conformance suite against our server and our client, in both eras. ``make conformance`` runs it.

A scenario may fail only where ``mcp-baseline.yml`` says so, and why; one that is listed there must fail.
"""

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
SUITE = os.environ.get("WEFT_MCP_CONFORMANCE", "")
"""The words of the command that runs the suite."""
REVISIONS = ("2025-11-25", "2026-07-28")
LEAST = {
    ("2025-11-25", "server"): 30,
    ("2026-07-28", "server"): 37,
    ("2025-11-25", "client"): 18,
    ("2026-07-28", "client"): 32,
}

pytestmark = [
    pytest.mark.skipif(not SUITE, reason="`make conformance` installs the suite and runs this"),
    pytest.mark.timeout(300),
]


@cache
def required(revision: str) -> dict[str, list[str]]:
    """What the suite scores for a revision."""
    if not SUITE:
        return {"server": [], "client": []}
    folder = Path(shlex.split(SUITE)[-1]).parent.parent / "requirements"
    return yaml.safe_load((folder / f"{revision}.yaml").read_text())


def known(side: str) -> dict[str, str]:
    """Scenarios that cannot pass, and why: ``revision scenario``."""
    body: Any = yaml.safe_load((HERE / "mcp-baseline.yml").read_text()) or {}
    return body.get(side) or {}


def scenarios(side: str) -> list[tuple[str, str]]:
    return [(revision, one) for revision in REVISIONS for one in required(revision)[side]]


def run(*words: str) -> tuple[bool, str]:
    """Whether a scenario passed, by its exit code and by what it says."""
    done = subprocess.run([*shlex.split(SUITE), *words], capture_output=True, text=True, timeout=200, check=False)
    output = done.stdout + done.stderr
    return done.returncode == 0 and "Failed Checks" not in output, output


def judge(side: str, revision: str, scenario: str, passed: bool, output: str) -> None:
    why = known(side).get(f"{revision} {scenario}")
    if why is not None:
        assert not passed, f"it passes now: take it out of mcp-baseline.yml ({why})"
        pytest.xfail(why)
    assert passed, output[-6000:]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Our server, once it answers: some scenarios pass against a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.everything", str(port)], cwd=HERE.parent.parent
    )
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/mcp"
    assert process.poll() is None, "the server did not live through the suite"
    process.terminate()
    assert process.wait(20) in (0, -15)


@pytest.mark.parametrize(("revision", "side"), list(LEAST))
def test_the_suite_asks_for_as_much_as_it_did(revision: str, side: str) -> None:
    assert len(required(revision)[side]) == LEAST[revision, side]


@pytest.mark.parametrize(("revision", "scenario"), scenarios("server"))
def test_server(revision: str, scenario: str, address: str) -> None:
    passed, output = run("server", "--url", address, "--scenario", scenario, "--spec-version", revision)
    judge("server", revision, scenario, passed, output)


@pytest.mark.parametrize(("revision", "scenario"), scenarios("client"))
def test_client(revision: str, scenario: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m tests.conformance.client"
    more = ("--scenario", scenario, "--spec-version", revision, "--timeout", "60000")
    passed, output = run("client", "--command", command, *more)
    judge("client", revision, scenario, passed, output)
