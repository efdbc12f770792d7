"""Where processes come from that die: forked from one that has everything imported."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Nursery:
    """Starts processes that die."""

    def __init__(self, directory: Path, module: str = "tests.kill.child") -> None:
        self._directory = directory
        command = [sys.executable, "-m", module]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self, url: str, effects: Path, *fate: str) -> int:
        """The number of the process."""
        assert self._process.stdin is not None
        print(json.dumps([str(self._directory), url, str(effects), *fate]), file=self._process.stdin, flush=True)
        return self._number()

    def run(self, url: str, effects: Path, *fate: str) -> int:
        """How it ended: 0, or minus the signal that killed it."""
        self.begin(url, effects, *fate)
        return self._number()

    @property
    def out(self) -> str:
        return (self._directory / "out").read_text()

    @property
    def err(self) -> str:
        return (self._directory / "err").read_text()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def _number(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


async def dies_and_goes_on(nursery: Nursery, url: str, effects: Path, when: str, number: int) -> None:
    """A run is killed around one of its writes, and another process brings it to its end."""
    code = await asyncio.to_thread(nursery.run, url, effects, when, str(number))
    assert code == -signal.SIGKILL, nursery.err
    code = await asyncio.to_thread(nursery.run, url, effects)
    assert (code, nursery.out) == (0, "finished\n"), nursery.err


async def the_last_ends_it(nursery: Nursery, url: str, effects: Path, writes: int, *more: str) -> None:
    """The run has so many writes. On a busy machine two that mostly go together go apart: then it is tried again."""
    for attempt in range(3):
        other = url.replace("/weft.db", f"/{attempt}.db") if url.startswith("sqlite") else f"{url}_{attempt}"
        place = effects.with_name(f"effects{attempt}")
        await asyncio.to_thread(nursery.run, other, place, "after", str(writes), *more)
        if "+run" in nursery.err:
            break
    assert "+run" in nursery.err, "the last write ends the run"
    code = await asyncio.to_thread(nursery.run, other, place, "after", str(writes + 1), *more)
    assert (code, nursery.out) == (0, "finished\n")
