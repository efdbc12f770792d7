"""A process that goes another way in a thread, is asked before it does again what happened, and dies where it is told.

As ``child``. The thread has run once to its end; the process takes it back, goes on, and answers what is asked: two
effects may happen again, of the third what it gave stands.
"""

import importlib
import warnings
from typing import Any

import msgspec

from tests.kill.child import WRITES, Mortal, nursery, on_mortal
from tests.kill.steered import ME, Notes, happen, truth
from weft import START, Agent, App, Context, StateGraph, tool
from weft.models.scripted import Scripted, call
from weft.storage import open_store
from weft.storage.base import ENDED, Page, QuestionRow, RunRecord

FIRST = {"pay": 1, "mail": 1, "last": 1}
"""Effects of the run that is left behind."""
BOTH = {"pay": 2, "mail": 1, "last": 2}
"""After the other way was gone as well."""


def graph(path: str) -> Any:
    """A plan; then, side by side, a node and an agent's tool that must happen once; then a last such node."""

    def effect(name: str) -> Any:
        def run(state: Notes, ctx: Context[Any]) -> Notes:
            return {"said": [happen(path, name, ctx.idempotency_key)]}

        return run

    @tool(effect="once")
    async def mail(ctx: Context[Any]) -> str:
        """Write a letter."""
        return happen(path, "mail", ctx.idempotency_key)

    clerk = Agent("clerk", model=Scripted([call("mail"), "sent"], order="turn"), tools=[mail])

    async def write(state: Notes, ctx: Context[Any]) -> Notes:
        return {"said": [await ctx.call(clerk, "go")]}

    def plan(state: Notes) -> Notes:
        return {"said": ["planned"]}

    made = StateGraph(Notes, name="shop").add_node(plan).add_node(write).add_edge(START, "plan")
    for name in ("pay", "last"):
        made.add_node(name, effect(name), effect="once")
    made.add_edge("plan", "pay").add_edge("plan", "write").add_edge(["pay", "write"], "last")
    return made.compile()


def answer(path: str, row: QuestionRow) -> Any:
    """The truth about what was cut off; of what would happen again, that the letter need not."""
    before: dict[str, Any] = msgspec.json.decode(row.payload).get("before") or {}
    return {"decision": "respond"} if before.get("name") == "mail" else truth(path, row)


async def another_way(app: App) -> RunRecord:
    """The run that goes another way; whatever of it is on record already is not begun again."""
    travel = await app.travel()
    runs = await app.store.runs.list(ME, Page(limit=10, newest=False), thread_id="t")
    if len(runs) == 1:
        await travel.fork(ME, "t", at=2)
    return runs[2] if len(runs) > 2 else await travel.submit(ME, "t")


async def main(url: str, path: str, when: str = "never", number: str = "0") -> None:
    app = App(targets=[graph(path)], store=url, lease=3.0)
    mortal: Any = Mortal(await open_store(url), when, int(number), {**WRITES, "history": ("branch",)})
    on_mortal(app, mortal)
    await app.start()
    run = await another_way(app)
    while run.status not in ENDED:
        if run.status == "paused":
            rows = await app.questions(run=run.id)
            await app.answer(ME, run.id, {row.id: answer(path, row) for row in rows})
        run = await app.wait(ME, run.id)
    print(run.status, flush=True)
    await app.close()


async def trial(url: str, path: str) -> None:
    async with App(targets=[graph(path)], store=url) as app:
        await app.run("shop", {}, thread="t")
    await main(url, path)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    importlib.import_module("weft.storage.postgres")
    nursery(main, trial=trial)
