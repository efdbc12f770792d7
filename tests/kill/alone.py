"""A process that drives one graph, answers what it asks, and dies where it is told."""

import importlib
import warnings
from collections.abc import Callable
from typing import Any

from tests.kill.child import KEY, Mortal, nursery, on_mortal
from tests.kill.steered import ME, steer
from weft import App
from weft.storage import open_store


def drives(made: Callable[[str], Any]) -> None:
    """Forks such processes until nobody wants more; ``made`` makes the graph, which is called ``above``."""

    async def main(url: str, path: str, when: str = "never", number: str = "0") -> None:
        app = App(targets=[made(path)], store=url, lease=3.0)
        mortal: Any = Mortal(await open_store(url), when, int(number))
        on_mortal(app, mortal)
        await app.start()
        run = await app.submit("above", {}, scope=ME, thread="t", idempotency_key=KEY)
        print((await steer(app, await app.wait(ME, run.id), path)).status, flush=True)
        await app.close()

    warnings.simplefilter("ignore")
    importlib.import_module("weft.storage.postgres")
    nursery(main)
