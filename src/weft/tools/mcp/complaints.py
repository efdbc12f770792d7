"""What the process of a server writes to its error output."""

import logging
import os
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

_log = logging.getLogger("weft.mcp")


@contextmanager
def listening(name: str, complaints: "deque[str]") -> Generator[TextIO]:
    """Where a process may write its errors: the last lines are kept, all go to the log."""
    read, write = os.pipe()

    def listen() -> None:
        with os.fdopen(read, "rb") as lines:
            while line := lines.readline(4096):
                complaints.append(line.decode(errors="replace").strip()[:500])
                _log.debug("%s: %s", name, complaints[-1])

    threading.Thread(target=listen, name="weft-mcp-errors", daemon=True).start()
    with os.fdopen(write, "w") as file:
        yield file
