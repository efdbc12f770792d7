"""A process is killed while it forks and prunes: each fork and each pruning is there as a whole, or not at all."""

import asyncio
import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.kill.forking import counter
from tests.warm import KILL, python
from weft import App
from weft.storage.base import Page, Scope

ROOT = Path(__file__).parents[2]
ME = Scope("default", "local")


def fork_until_killed(url: str, seed: int) -> None:
    command = python("-m", "tests.kill.forking", url, str(seed))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(random.Random(seed).uniform(0.1, 0.5))
        child.send_signal(KILL)


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("seed", range(3))
async def test_killed_while_it_forks_and_prunes(shared_url: str, seed: int) -> None:
    url = shared_url.replace("synchronous=NORMAL", "synchronous=FULL")
    await asyncio.to_thread(fork_until_killed, url, seed)
    async with App(targets=[counter()], store=url) as app:
        threads = await app.store.threads.list(ME, Page(limit=200))
        assert len(threads) > 1, "it was killed too soon"
        expected = (await app.run("count", {"left": 40}, thread="fresh")).output
        for thread in threads:
            moments = await app.history(thread.id, limit=200)
            assert moments, f"thread {thread.id} has no state"
            for moment in moments:
                state = (await app.state(thread.id, at=moment.step)).values
                done = 40 - state["left"]
                assert state.get("log", []) == expected["log"][:done]
                assert state.get("total", 0) == sum(range(state["left"], 40))
            forks = [run for run in await app.store.runs.list(ME, Page(limit=200), thread_id=thread.id)]
            assert {run.status for run in forks} == {"finished"}
            assert (await app.go_on(thread.id)).output == expected
