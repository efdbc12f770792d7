"""What a walk needs beside Weft itself: commands, a server in a process of its own, and a provider on loopback.

Tests use it with the fixture ``warm``.
"""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import start_blocking_portal

from tests.models.loopback import Loopback, Reply, serve
from tests.warm import python

_KEY = re.compile(r"_(API_KEY|TOKEN|SECRET)$|^WEFT_")


@contextmanager
def provider(*replies: Reply) -> Iterator[Loopback]:
    """``serve`` in a thread of its own, for tests that wait for other processes."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve(*replies)) as loopback:
        yield loopback


class Desk:
    """A folder with a store in it, and the ``weft`` command as a person types it there."""

    def __init__(self, folder: Path, **environment: str) -> None:
        known = {name: value for name, value in os.environ.items() if not _KEY.search(name)}
        plain = {"NO_COLOR": "1", "COLUMNS": "120", "TERM": "dumb", "PYTHONUNBUFFERED": "1"}
        self.folder = folder
        self.environment: Mapping[str, str] = {**known, **plain, **environment}

    def weft(self, *arguments: str) -> str:
        """What the command prints; it must succeed."""
        done = subprocess.run(
            python("-m", "weft", *arguments),
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout

    def told(self, *arguments: str) -> Any:
        """What the command prints as JSON."""
        return json.loads(self.weft(*arguments, "--json"))

    @contextmanager
    def serving(self, target: str) -> Iterator[httpx.Client]:
        """``weft serve`` on a free port; a client of its API."""
        process = subprocess.Popen(
            python("-m", "weft", "serve", target, "--port", "0", "--json"),
            cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        impatient = threading.Timer(120, process.kill)
        impatient.start()
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            greeting = ""
            for line in lines:
                greeting += line
                if line.startswith("}"):
                    break
            with httpx.Client(base_url=f"{json.loads(greeting)['url']}api/v1/", timeout=30) as api:
                yield api
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) in (0, -signal.SIGTERM)
        finally:
            impatient.cancel()
            process.kill()
            process.communicate()
