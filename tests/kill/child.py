"""A process that runs an agent and dies where it is told to, and a nursery that forks such processes quickly.

``main(URL, EFFECTS, WHEN, NUMBER, WHAT)`` submits one run under a fixed idempotency key, works the queue, and ends
when the run rests. With ``before 7`` it kills itself (SIGKILL) just before its seventh write to the store, with
``after 7`` as soon as that write is durable; with ``stop 7`` it falls asleep (SIGSTOP) before it.
"""

import asyncio
import gc
import importlib
import io
import json
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

from tests.kill import steered as steering
from weft import Agent, App, Context, tool
from weft.models.scripted import Line, Scripted, call
from weft.runtime.repeats import NOBODYS
from weft.runtime.runner import Runner
from weft.storage import open_store
from weft.storage.base import Scope

KEY = "the-one-run"
WRITES = {
    "runs": ("create", "acquire", "requeue", "cancel"),
    "questions": ("answer", "take"),
    "inbox": ("send",),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """A store that ends the process at one of its writes; everything else is the real store."""

    def __init__(self, store: Any, when: str, number: int, writes: Mapping[str, Sequence[str]] = WRITES) -> None:
        self._store, self._when, self._left = store, when, number
        for part, names in writes.items():
            setattr(self, part, _Part(self, getattr(store, part), names))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def count(self, what: str) -> bool:
        """Whether this write is the one; dies here if it is not to happen at all."""
        self._left -= 1
        if self._left == 0:
            print(f"dying {self._when} {what}", file=sys.stderr, flush=True)
            if self._when == "before":
                die()
            if self._when == "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
                return False
            return True
        return False

    def commit(self, commit: Any) -> Any:
        kinds = [
            kind for kind in ("events", "messages", "checkpoints", "finished", "questions") if getattr(commit, kind)
        ]
        fatal = self.count("commit of " + "+".join([*kinds, *(["run"] if commit.run else [])]))
        stored = self._store.commit(commit)
        if fatal:
            stored.add_done_callback(lambda _: die())
        return stored


class _Part:
    def __init__(self, mortal: Mortal, part: Any, names: Sequence[str]) -> None:
        self._mortal, self._part, self._names = mortal, part, names

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._part, name)
        if name not in self._names:
            return real

        async def write(*args: Any, **options: Any) -> Any:
            if name == "take" and args[1] == NOBODYS:
                return await real(*args, **options)  # it only looks
            fatal = self._mortal.count(name)
            value = await real(*args, **options)
            if fatal:
                die()
            return value

        return write


def effects(path: str) -> Any:
    @tool
    async def effect(ctx: Context[Any], name: str) -> str:
        """Do something to the world that can be counted."""
        line = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(line, f"{name} {ctx.idempotency_key}\n".encode())
        os.fsync(line)
        os.close(line)
        return f"did {name}"

    return effect


def agents(path: str) -> Agent[Any]:
    """One that acts twice at once, then asks another agent, then acts again."""
    effect = effects(path)
    below = Agent("below", model=Scripted([call("effect", name="sub"), "below is done"], order="turn"), tools=[effect])

    @tool
    async def delegate(ctx: Context[Any], what: str) -> str:
        """Let another agent do it."""
        return await ctx.call(below, what)

    lines: list[Line] = [
        [call("effect", name="left"), call("effect", name="right")],
        [call("delegate", what="the rest"), call("effect", name="beside")],
        call("effect", name="last"),
        "all is done",
    ]
    return Agent("above", model=Scripted(lines, order="turn"), tools=[effect, delegate])


def on_mortal(app: App, mortal: Any) -> None:
    """The app is open, on this store."""
    app._store, app._runner = mortal, Runner(mortal, app.find, ttl=3.0)  # pyright: ignore[reportPrivateUsage]
    app._begin_minding(mortal, app.find, 3.0)  # pyright: ignore[reportPrivateUsage]
    app._begin_knowing(mortal, 3.0)  # pyright: ignore[reportPrivateUsage]


async def main(url: str, path: str, when: str = "never", number: str = "0", what: str = "above") -> None:
    steered = what == "steered"
    app = App(agents=[steering.graph(path) if steered else agents(path)], store=url, lease=3.0)
    mortal: Any = Mortal(await open_store(url), when, int(number))
    on_mortal(app, mortal)
    await app.start()
    scope = Scope("default", "local")
    record = await app.submit("above", {} if steered else "go", scope=scope, thread="t1", idempotency_key=KEY)
    record = await (steering.steer(app, record, path) if steered else app.wait(scope, record.id))
    print(record.status, flush=True)
    await app.close()


def warm(trial: Any) -> None:
    """Import, compile and remember what a whole run does, so that no fork has to."""
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        asyncio.run(trial(f"sqlite:///{folder}/weft.db", f"{folder}/effects"))
    assert threading.active_count() == 1, "a fork has one thread"


async def both(url: str, path: str) -> None:
    """A run of each that this module knows."""
    await main(url, path)
    await main(url.replace("weft.db", "steered.db"), f"{path}.steered", what="steered")


def nursery(main: Any = main, trial: Any = None) -> None:
    """For each line of arguments on stdin fork a process for them, and say its number; ``trial`` is ``main`` alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    warm(trial or main)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        directory, *arguments = json.loads(line)
        pid = os.fork()
        if pid == 0:
            for stream, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(f"{directory}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
            asyncio.run(main(*arguments))
            sys.stdout.flush()
            os._exit(0)
        print(pid, flush=True)
        if arguments[2:3] != ["stop"]:
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    importlib.import_module("weft.storage.postgres")
    nursery(trial=both)
