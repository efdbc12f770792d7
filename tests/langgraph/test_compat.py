"""What ``weft.langgraph`` does beyond being the same: files, other processes, values of all kinds, no other package."""

import asyncio
import operator
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypedDict
from uuid import UUID

import pytest
from pydantic import BaseModel

from weft.errors import StateError
from weft.langgraph import (
    START,
    AsyncSqliteSaver,
    Command,
    MemorySaver,
    SqliteSaver,
    StateGraph,
    WeftCheckpointer,
    interrupt,
)
from weft.langgraph.serde import dumps, loads
from weft.storage import Store

ONE: Any = {"configurable": {"thread_id": "1"}}


class S(TypedDict):
    log: Annotated[list[Any], operator.add]


def ask(state: S) -> Any:
    return {"log": [interrupt("who?")]}


def builder() -> StateGraph[S]:
    graph = StateGraph[S](S).add_node("say", lambda state: {"log": ["say"]}).add_node("ask", ask)
    return graph.add_edge(START, "say").add_edge("say", "ask")


def test_a_file_outlives_its_saver(tmp_path: Path) -> None:
    file = str(tmp_path / "checkpoints.db")
    with SqliteSaver.from_conn_string(file) as saver:
        builder().compile(checkpointer=saver).invoke({"log": []}, ONE)

    async def later() -> Any:
        async with AsyncSqliteSaver.from_conn_string(file) as saver:
            return await builder().compile(checkpointer=saver).ainvoke(Command(resume="ann"), ONE)

    assert asyncio.run(later()) == {"log": ["say", "ann"]}


async def test_on_each_database(store: Store) -> None:
    saver = WeftCheckpointer(store)
    graph = builder().compile(checkpointer=saver)
    await graph.ainvoke({"log": []}, ONE)
    assert await graph.ainvoke(Command(resume="bob"), ONE) == {"log": ["say", "bob"]}
    assert [one.next async for one in graph.aget_state_history(ONE)] == [(), ("ask",), ("say",), (START,)]
    other = builder().compile(checkpointer=WeftCheckpointer(store, workspace="other"))
    assert (await other.aget_state(ONE)).values == {}
    await saver.adelete_thread("1")
    assert (await graph.aget_state(ONE)).values == {}


class Colour(Enum):
    RED = "red"


@dataclass
class Place:
    name: str
    tags: set[str]


class Model(BaseModel):
    at: datetime
    places: list[Place] = []


class Pair(NamedTuple):
    left: int
    right: Any


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, b"bytes"], 1: (1, 2)},
        {frozenset({1}), 2},
        [datetime(2026, 1, 1, tzinfo=UTC), timedelta(seconds=1.5), Decimal("1.10"), UUID(int=5), Path("x/y")],
        Colour.RED,
        Place("here", {"a"}),
        Model(at=datetime(2026, 1, 1, tzinfo=UTC), places=[Place("there", set())]),
        Pair(1, [Pair(2, None)]),
        2**100,
        ["\x00", "not", "a mark"],
    ],
    ids=str,
)
def test_values_come_back_as_they_were(value: Any) -> None:
    back = loads(dumps(value))
    assert back == value
    assert type(back) is type(value)


def test_what_cannot_be_stored_is_named() -> None:
    with pytest.raises(StateError, match=r"state\.log\[0\] is of type 'lock'"):
        dumps({"log": [__import__("threading").Lock()]})


def test_what_is_stored_can_import_and_run_nothing() -> None:
    for name in ("os:system", "antigravity:x", "builtins:eval", "subprocess:Popen"):
        body = dumps(Place("x", set()))[1].replace(
            f"{__name__}:Place".encode(), name.encode().ljust(len(f"{__name__}:Place"), b"_")
        )
        with pytest.raises(StateError):
            loads(("weft", body))
    assert "antigravity" not in sys.modules


def test_without_the_package_langgraph(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "sys.modules['langgraph'] = sys.modules['langchain_core'] = None\n"
        "from weft.langgraph import START, MemorySaver, StateGraph\n"
        "from weft.langgraph.graph import END\n"
        "graph = StateGraph(dict).add_node('a', lambda state: {'n': 1}).add_edge(START, 'a').add_edge('a', END)\n"
        "print(graph.compile(checkpointer=MemorySaver()).invoke({'n': 0}, {'configurable': {'thread_id': '1'}}))\n"
        "from weft.errors import UsageError\n"
        "try:\n"
        "    from weft.langgraph import from_langgraph\n"
        "except UsageError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=True)
    first, second = done.stdout.splitlines()
    assert first == "{'n': 1}"
    assert "pip install 'weft[langgraph]'" in second


def test_sub_graphs_of_plain_functions_need_no_spare_threads() -> None:
    inner = StateGraph[S](S).add_node("in", lambda state: {"log": ["in"]}).add_edge(START, "in").compile()
    graph = StateGraph[S](S)
    for index in range(40):
        graph.add_node(f"n{index}", lambda state: {"log": [len(inner.invoke({"log": []})["log"])]})
        graph.add_edge(START, f"n{index}")
    assert graph.compile(checkpointer=MemorySaver()).invoke({"log": []}, ONE) == {"log": [1] * 40}


async def test_leaving_a_stream_ends_the_run() -> None:
    ended: list[str] = []

    async def slow(state: S) -> Any:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("slow")

    graph = StateGraph[S](S).add_node("say", lambda state: {"log": ["x"]}).add_node("slow", slow)
    graph.add_edge(START, "say").add_edge(START, "slow")
    stream = graph.compile().astream({"log": []}, stream_mode="updates")
    async for _ in stream:
        break
    await stream.aclose()
    assert ended == ["slow"]
