"""A server that is killed: its runs go on in the next one, and whoever listens hears the rest."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.server.serving import Heard, durable, heard
from tests.services import free_port
from tests.warm import KILL, python

AGENTS = """
from weft import Agent, tool
from weft.models.scripted import Scripted, call

@tool(effect="idempotent")
async def work(n: int) -> str:
    "Take a while."
    import asyncio, pathlib
    await asyncio.sleep(0.15)
    with pathlib.Path("ledger.txt").open("a") as ledger:
        ledger.write(f"{n}\\n")
    return f"did {n}"

lines = [*[call("work", n=n) for n in range(12)], "All done."]
worker = Agent("worker", model=Scripted(lines, order="turn"), tools=[work])
"""


@contextmanager
def _server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "WEFT_STORE": "sqlite:///weft.db", "WEFT_POLICY": "none", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        python("-m", "weft", "serve", "agents.py", "--port", str(port), "--grace", "0.2"),
        cwd=folder, env=environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def _ready(api: httpx.Client) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            api.get("health").raise_for_status()
            return
        except httpx.TransportError:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.05)


def _listen(api: httpx.Client, run: str, known: list[Heard], most: int | None = None) -> None:
    """Add to ``known`` until the run rests, the line breaks, or ``most`` events are there."""
    headers = {"Last-Event-ID": known[-1].id or ""} if known else {}
    try:
        with api.stream("GET", f"runs/{run}/events", headers=headers) as answer:
            for event in heard(answer.iter_lines()):
                known.extend(durable([event]))
                if most is not None and len(known) >= most:
                    return
    except httpx.TransportError:
        return


@pytest.mark.usefixtures("warm")
def test_a_killed_server_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    port = free_port()
    events: list[Heard] = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", timeout=30) as api:
        with _server(tmp_path, port) as process:
            _ready(api)
            run = api.post("runs", json={"target": "worker", "input": "go"}).json()["id"]
            _listen(api, run, events, most=12)
            process.send_signal(KILL)
            process.wait(10)
            _listen(api, run, events)
        before = len(events)
        with _server(tmp_path, port):
            _ready(api)
            until = time.monotonic() + 30
            while events[-1].event != "run.finished":
                assert time.monotonic() < until
                _listen(api, run, events)
            assert [int(event.id or 0) for event in events] == list(range(1, len(events) + 1))
            assert "run.resumed" in [event.event for event in events[before:]]
            assert api.get(f"runs/{run}").json()["output"] == "All done."
            record = api.get(f"runs/{run}/events", params={"format": "json"}).json()["items"]
            assert [event.data for event in events] == record
    done = (tmp_path / "ledger.txt").read_text().split()
    assert sorted({int(n) for n in done}) == list(range(12))
    assert len(done) <= 13, "only the call that was under way may run twice"


@pytest.mark.usefixtures("warm")
def test_a_server_that_is_told_to_stop_drains(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    port = free_port()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", timeout=30) as api:
        with _server(tmp_path, port) as process:
            _ready(api)
            run = api.post("runs", json={"target": "worker", "input": "go"}).json()["id"]
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) in (0, -signal.SIGTERM)
        with _server(tmp_path, port):
            _ready(api)
            events: list[Heard] = []
            _listen(api, run, events)
            assert events[-1].event == "run.finished"
    assert sorted((tmp_path / "ledger.txt").read_text().split(), key=int) == [str(n) for n in range(12)]
