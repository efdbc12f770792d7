"""State that is changed and nodes that run again, over REST and over the WebSocket, on both databases."""

import json
import operator
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

import httpx
import pytest
from tests.server.serving import serving
from tests.server.test_control import heard, line, problem, say, settle

from weft import START, App, StateGraph, Topic


class Order(TypedDict, total=False):
    price: int
    notes: Annotated[list[str], operator.add]
    tags: Annotated[list[str], Topic]
    secret: str


class Shop:
    """Quotes, checks in a graph inside, books: each as often as it is run."""

    def __init__(self) -> None:
        self.came: list[str] = []
        check = StateGraph(Order, name="check").add_sequence(self._node("look"), self._node("stamp"))
        inside = check.add_edge(START, "look").compile()
        shop = StateGraph(Order, name="shop").add_node(self._node("quote", price=120)).add_node("check", inside)
        shop.add_node(self._node("book")).add_edge(START, "quote").add_edge("quote", "check").add_edge("check", "book")
        shop.writes(secret=["book"])
        self.graph = shop.compile()

    def _node(self, name: str, **more: Any) -> Any:
        def run(state: Order) -> Any:
            self.came.append(name)
            return {"notes": [f"{name} at {state.get('price')}"], **more}

        run.__name__ = name
        return run


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def served(shop: Shop, shared_url: str) -> Iterator[str]:
    with serving(App(targets=[shop.graph], store=shared_url), beat=0.2) as url:
        yield url


def at(api: httpx.Client, node: str) -> str:
    """A run that rests before this node."""
    body = {"target": "shop", "input": {}, "breakpoints": [{"node": node}]}
    run = api.post("runs", json=body).json()["id"]
    settle(api, run, "paused")
    return run


def taken(api: httpx.Client, run: str, number: int) -> None:
    """So many commands were taken, and it rests again."""
    for _ in range(500):
        events = api.get(f"runs/{run}/events", params={"format": "json"}).json()["items"]
        if sum(one["event"]["type"] == "run.steered" for one in events) >= number:
            break
    settle(api, run, "paused")


def ended(api: httpx.Client, run: str) -> Any:
    api.put(f"runs/{run}/breakpoints", json={"breakpoints": []}).raise_for_status()
    assert api.post(f"runs/{run}/resume").status_code == 202
    return settle(api, run, "finished")["output"]


def test_state_is_changed_by_the_rules_of_its_channels(served: str, shop: Shop) -> None:
    with httpx.Client(base_url=f"{served}api/v1/", timeout=30) as api:
        run = at(api, "book")
        changed = api.post(f"runs/{run}/state", json={"writes": {"price": 90, "notes": ["by hand"], "tags": "vip"}})
        assert (changed.status_code, changed.json()["status"]) == (200, "paused")
        replaced = {"writes": {"notes": ["all else is gone"]}, "overwrite": ["notes"]}
        assert api.post(f"runs/{run}/state", json=replaced).status_code == 200
        named = {"writes": {"secret": "x"}, "node": "book"}
        assert api.post(f"runs/{run}/state", json=named).status_code == 200
        events = api.get(f"runs/{run}/events", params={"format": "json"}).json()["items"]
        steered = [one["event"] for one in events if one["event"]["type"] == "run.steered"]
        assert [one["command"] for one in steered] == ["breakpoints", "state", "state", "state"]
        output = ended(api, run)
    assert output == {"price": 90, "notes": ["all else is gone", "book at 90"], "tags": ["vip"], "secret": "x"}
    assert shop.came == ["quote", "look", "stamp", "book"]


def test_what_the_rules_forbid_changes_nothing(served: str, shop: Shop) -> None:
    with httpx.Client(base_url=f"{served}api/v1/", timeout=30) as api:
        run = at(api, "book")
        thread = api.get(f"runs/{run}").json()["thread_id"]
        before = api.get(f"threads/{thread}/state").json()

        def refused(status: int, code: str, word: str, **body: Any) -> None:
            answer = api.post(f"runs/{run}/state", json=body)
            assert word in problem(answer, status)
            assert answer.json()["type"] == code

        refused(400, "graph", "'price' of graph 'shop' is int", writes={"price": "much"})
        refused(400, "graph", "secret", writes={"secret": "x"})
        refused(400, "graph", "secret", writes={"secret": "x"}, node="quote")
        refused(400, "graph", "nope", writes={"nope": 1})
        refused(400, "graph", "nobody", writes={"price": 1}, node="nobody")
        refused(422, "request.invalid", "writes", writes={})
        assert api.get(f"threads/{thread}/state").json() == before
        assert ended(api, run)["price"] == 120
        assert "takes no more commands" in problem(api.post(f"runs/{run}/state", json={"writes": {"price": 1}}), 409)
    assert shop.came == ["quote", "look", "stamp", "book"]


def test_a_graph_inside_is_changed_at_its_path(served: str, shop: Shop) -> None:
    with httpx.Client(base_url=f"{served}api/v1/", timeout=30) as api:
        run = at(api, "stamp")
        thread = api.get(f"runs/{run}").json()["thread_id"]
        path = "shop/2:check/check#1"
        below = api.get(f"threads/{thread}/history", params={"path": path}).json()["items"]
        assert below[0]["next"] == ["stamp"]
        write = {"writes": {"price": 5}, "path": path}
        assert api.post(f"runs/{run}/state", json=write).status_code == 200
        assert api.get(f"threads/{thread}/state", params={"path": path}).json()["values"]["price"] == 5
        again = api.post(f"runs/{run}/rerun", json={"node": "look", "path": path}, params={"wait": 20})
        assert again.status_code == 200, again.text
        settle(api, run, "paused")
        assert shop.came == ["quote", "look", "look"]
        assert ended(api, run)["notes"][-2:] == ["stamp at 120", "book at 120"], "it went back to before the change"


def test_a_node_runs_again(served: str, shop: Shop) -> None:
    with httpx.Client(base_url=f"{served}api/v1/", timeout=30) as api:
        run = at(api, "book")
        assert api.post(f"runs/{run}/rerun", json={"node": "quote"}).status_code == 202
        settle(api, run, "paused")
        refused = api.post(f"runs/{run}/rerun", json={"node": "nope"}, params={"wait": 20})
        assert "it has: book, check, quote" in problem(refused, 400)
        assert refused.json()["type"] == "graph"
        # the graph inside gives back what it was given, too
        quoted = ["quote at None"] * 2
        assert ended(api, run)["notes"] == [*quoted, "look at 120", "stamp at 120", "book at 120"]
    assert shop.came == ["quote", "look", "stamp", "quote", "look", "stamp", "book"]


async def test_the_same_over_the_socket(served: str, shop: Shop) -> None:
    with httpx.Client(base_url=f"{served}api/v1/", timeout=30) as api:
        run = at(api, "book")
        async with line(served) as socket:

            async def told(id: str, **command: Any) -> dict[str, Any]:
                await say(socket, type="command", run_id=run, id=id, command=command)
                return (await heard(socket, lambda one: one["type"] in ("done", "problem") and one["id"] == id))[-1]

            assert (await told("1", command="state", writes={"price": 90}))["type"] == "done"
            taken(api, run, 2)
            done = await told("2", command="state", writes={"notes": ["new"]}, overwrite=["notes"])
            assert (done["type"], done["run_id"]) == ("done", run)
            taken(api, run, 3)
            assert (await told("3", command="state", writes={"price": "much"}))["problem"]["type"] == "graph"
            for number, (code, status, command) in enumerate(
                (
                    ("usage", 400, {"command": "state"}),
                    ("usage", 400, {"command": "state", "writes": ["price"]}),
                    ("usage", 400, {"command": "rerun"}),
                    ("usage", 400, {"command": "step", "count": 0}),
                )
            ):
                refused = await told(f"r{number}", **command)
                assert (refused["problem"]["type"], refused["problem"]["status"]) == (code, status), json.dumps(refused)
            settle(api, run, "paused")
            assert ended(api, run)["notes"] == ["new", "book at 90"]
            late = await told("5", command="state", writes={"price": 1})
            assert (late["problem"]["type"], late["problem"]["status"]) == ("store.conflict", 409)
            assert "takes no more commands" in late["problem"]["detail"]
    assert shop.came == ["quote", "look", "stamp", "book"]
