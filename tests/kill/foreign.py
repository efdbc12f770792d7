"""A process that runs a graph of the package ``langgraph`` as a target of Weft, and dies where it is told to.

As ``child.py``; the writes it counts are also those of LangGraph's checkpointer. Its questions are answered by itself.
"""

import importlib
import operator
import sys
import warnings
from typing import Annotated, Any, TypedDict

from tests.kill.child import KEY, WRITES, Mortal, nursery, on_mortal
from tests.kill.steered import happen
from weft import App
from weft.langgraph import LangGraph, from_langgraph
from weft.storage import open_store
from weft.storage.base import ENDED, Scope

ME = Scope("default", "local")
EFFECTS = {"plan", "left", "right", "inner", "booked", "last"}


class Trip(TypedDict):
    log: Annotated[list[str], operator.add]


def graph(path: str) -> LangGraph:
    """An effect, two side by side as sends, one in a sub-graph, one after a question, a last one."""
    from langgraph.graph import START, StateGraph  # noqa: PLC0415  # after the nursery has made its processes quick
    from langgraph.types import Send, interrupt  # noqa: PLC0415

    def effect(name: str) -> Any:
        def run(state: Any) -> Any:
            happen(path, name, name)
            return {"log": [name]}

        return run

    def worker(state: Any) -> Any:
        happen(path, state["name"], state["name"])
        return {"log": [state["name"]]}

    def book(state: Any) -> Any:
        answer = interrupt("which hotel?")
        happen(path, "booked", "booked")
        return {"log": [f"booked {answer}"]}

    def split(state: Any) -> Any:
        return [Send("worker", {"name": "left"}), Send("worker", {"name": "right"})]

    inner: Any = StateGraph(Trip)
    inner = inner.add_node("inner", effect("inner")).add_node("book", book)
    inner = inner.add_edge(START, "inner").add_edge("inner", "book").compile()

    async def below(state: Any) -> Any:
        return {"log": (await inner.ainvoke({"log": []}))["log"]}

    outer: Any = StateGraph(Trip)
    outer.add_node("plan", effect("plan")).add_node("worker", worker).add_node("below", below)
    outer.add_node("last", effect("last"))
    outer.add_edge(START, "plan").add_conditional_edges("plan", split, ["worker"])
    outer.add_edge("worker", "below").add_edge("below", "last")
    return from_langgraph(outer.compile(), name="trip")


async def main(url: str, path: str, when: str = "never", number: str = "0") -> None:
    app = App(targets=[graph(path)], store=url, lease=3.0)
    writes = {**WRITES, "trails": ("put", "write")}
    mortal: Any = Mortal(await open_store(url), when, int(number), writes)
    on_mortal(app, mortal)
    await app.start()
    record = await app.submit("trip", {"log": []}, scope=ME, thread="t1", idempotency_key=KEY)
    while record.status not in ENDED:
        record = await app.wait(ME, record.id)
        if record.status == "paused":
            rows = await app.questions(run=record.id)
            await app.answer(ME, record.id, {row.id: "Ritz" for row in rows})
    print(record.status, flush=True)
    print(1000 - mortal._left if when == "count" else "", file=sys.stderr, flush=True)
    await app.close()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    importlib.import_module("weft.storage.postgres")
    nursery(main)
