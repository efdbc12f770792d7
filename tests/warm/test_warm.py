"""A process from the hearth is to whoever started it as one of an interpreter of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.warm import KILL, python

pytestmark = pytest.mark.usefixtures("warm")

PROGRAMS = {
    "words": "print('out'); import sys; print('err', file=sys.stderr); print('ü', sys.argv)",
    "what it is given": "import sys; print(sys.stdin.read().upper())",
    "where it is": "import os, sys; print(os.getcwd(), sys.path[0])",
    "environment": "import os; print(os.environ['MINE'], os.environ.get('HOME'), os.environ.get('WEFT_HOME'))",
    "a code": "import sys; sys.exit(7)",
    "a complaint": "import sys; sys.exit('enough')",
    "a thread": "import threading, time; threading.Thread(target=lambda: (time.sleep(0.1), print('late'))).start()",
    "at its end": "import atexit; atexit.register(print, 'good night'); print('day')",
    "a signal": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "an interrupt": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "its own name": "import sys, __main__; x = 3; print(__name__, __main__.x, sys.modules['__main__'].x)",
    "nothing of ours": "import sys; print('tests' in sys.modules)",
    "bytes": "import sys; sys.stdout.buffer.write(bytes(range(256)))",
}


def both(arguments: list[str], folder: Path) -> list[subprocess.CompletedProcess[bytes]]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "MINE": "só"}
    given = {"cwd": folder, "env": environment, "capture_output": True, "input": b"said", "timeout": 60}
    return [subprocess.run([*command, *arguments], **given) for command in ([sys.executable], python())]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("how", ["-c", "a file", "-m"])
def test_as_a_fresh_one(how: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAMS[name])
    start = {"-c": ["-c", PROGRAMS[name]], "a file": ["program.py"], "-m": ["-m", "program"]}[how]
    fresh, warm = both([*start, "one", "two words"], tmp_path)
    assert warm.returncode == fresh.returncode
    assert (warm.stdout, warm.stderr[-10:]) == (fresh.stdout, fresh.stderr[-10:])


def test_an_error_is_told() -> None:
    _, done = both(["-c", "1 / 0"], Path.cwd())
    assert done.returncode == 1
    assert done.stderr.strip().endswith(b"ZeroDivisionError: division by zero")


WAITS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("told to", flush=True), sys.exit(3)))
print(os.getpid(), flush=True)
for _ in range(600):  # a signal just before a sleep is heard after it
    time.sleep(0.1)
"""


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (signal.SIGTERM, 3),
        (signal.SIGINT, -signal.SIGINT),
        (KILL, -signal.SIGKILL),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_signals_reach_it(sent: signal.Signals, code: int) -> None:
    process = subprocess.Popen(python("-c", WAITS), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.send_signal(sent)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == code
    assert said == (b"told to\n" if sent is signal.SIGTERM else b"")
    until = time.monotonic() + (20 if sent is signal.SIGKILL else 0)
    while alive(pid):
        assert time.monotonic() < until
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_that_somebody_else_kills() -> None:
    process = subprocess.Popen(python("-c", WAITS), stdout=subprocess.PIPE)
    assert process.stdout is not None
    os.kill(int(process.stdout.readline()), signal.SIGKILL)
    assert process.stdout.read() == b""
    assert process.wait(30) == -signal.SIGKILL


def test_all_that_is_imported_already_is_ours_to_use() -> None:
    code = "import time; began = time.process_time(); import litellm, mcp, weft.app; print(time.process_time() - began)"
    assert float(subprocess.check_output(python("-c", code))) < 0.2
