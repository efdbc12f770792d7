"""A process that drives a run which another one steers, and dies where it is told to (see ``child``)."""

import asyncio
import importlib
import operator
import os
import warnings
from typing import Annotated, Any, TypedDict

from tests.kill.child import Mortal, nursery, on_mortal
from tests.kill.child import main as another
from weft import START, App, StateGraph
from weft.storage import open_store
from weft.storage.base import Scope

NODES = "abcdef"


class Walk(TypedDict):
    seen: Annotated[list[str], operator.add]
    n: int


def graph(path: str) -> Any:
    """A chain of nodes, each of which leaves a line in a file."""
    made = StateGraph(Walk, name="walk")
    for name in NODES:

        async def run(state: Walk, name: str = name) -> dict[str, Any]:
            line = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(line, f"{name}\n".encode())
            os.fsync(line)
            os.close(line)
            return {"seen": [name], "n": state["n"] + 1}

        made.add_node(name, run)
    for before, after in zip((START, *NODES), NODES, strict=False):
        made.add_edge(before, after)
    return made.compile()


async def main(url: str, path: str, run_id: str, when: str = "never", number: str = "0") -> None:
    app = App(targets=[graph(path)], store=url, lease=3.0)
    mortal: Any = Mortal(await open_store(url), when, int(number))
    on_mortal(app, mortal)
    await app.start()
    while (await app.store.runs.get(Scope("default"), run_id)).status != "finished":  # noqa: ASYNC110 - another process may end it
        await asyncio.sleep(0.02)
    await app.close()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    importlib.import_module("weft.storage.postgres")
    nursery(main, trial=another)
