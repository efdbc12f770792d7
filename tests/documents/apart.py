"""What a process apart is made to do in tests."""

import os
import signal
import socket
import time
from pathlib import Path


def sleeps(request: bytes) -> bytes:
    time.sleep(60)
    return b""


def eats(request: bytes) -> bytes:
    return bytes(1_000_000_000)[:1]


def echoes(request: bytes) -> bytes:
    print("noise")
    return request


def dies(request: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGSEGV)
    return b""


def pries(request: bytes) -> bytes:
    """What it can reach: a file, the network, our environment."""
    found: list[str] = []
    for act in (lambda: Path("/etc/passwd").read_text(), lambda: socket.socket()):
        try:
            act()
            found.append("open")
        except OSError as error:
            found.append(type(error).__name__)
    found.append("nothing of ours" if "PATH" not in os.environ else "environment")
    return " ".join(found).encode()
