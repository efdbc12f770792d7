"""Steering over REST and over the WebSocket: the same commands, the same refusals, and nobody foreign."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.serving import agents, serving
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from weft import App

PASSING = ("delta", "node.started", "model.started", "tool.started")
ORIGIN = "http://evil.example"


@pytest.fixture
def served(tmp_path: Path) -> Any:
    with serving(App(agents=agents(), store=f"sqlite:///{tmp_path / 'weft.db'}"), beat=0.2) as url:
        yield url


def started(api: httpx.Client, target: str, **more: Any) -> dict[str, Any]:
    answer = api.post("runs", json={"target": target, "input": "go", **more})
    assert answer.status_code == 202, answer.text
    return answer.json()


def settle(api: httpx.Client, run: str, *statuses: str) -> dict[str, Any]:
    for _ in range(500):
        view = api.get(f"runs/{run}").json()
        if view["status"] in statuses:
            return view
    raise AssertionError(view)


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["detail"]


def test_a_run_over_rest_from_breakpoint_to_breakpoint(served: str) -> None:
    with httpx.Client(base_url=f"{served}api/v1/", timeout=30) as api:
        run = started(api, "counter", breakpoints=[{"tool": "double"}])["id"]
        settle(api, run, "paused")
        assert api.get(f"runs/{run}/breakpoints").json()["breakpoints"] == [{"tool": "double"}]
        assert "paused already" in problem(api.post(f"runs/{run}/pause"), 409)
        assert api.put(f"runs/{run}/breakpoints", json={"breakpoints": [{"node": "think"}]}).json() == {
            "breakpoints": [{"node": "think"}]
        }
        stepped = api.post(f"runs/{run}/step", json={"count": 1}, params={"wait": 10})
        assert stepped.status_code == 200, stepped.text
        assert settle(api, run, "paused")["status"] == "paused"
        assert "conversation" in problem(api.post(f"runs/{run}/state", json={"writes": {"conversation": []}}), 400)
        assert "no channel" in problem(api.post(f"runs/{run}/state", json={"writes": {"nope": 1}}), 400)
        assert "no node" in problem(api.post(f"runs/{run}/rerun", json={"node": "nope"}, params={"wait": 10}), 400)
        below = {"path": "counter/2:act#0/writer#1"}
        assert "writer" in problem(api.post(f"runs/{run}/state", json={"writes": {"n": 1}, **below}), 400)
        assert "was never made" in problem(
            api.post(f"runs/{run}/rerun", json={"node": "think", **below}, params={"wait": 10}), 409
        )
        assert "is to be overwritten" in problem(
            api.post(f"runs/{run}/state", json={"writes": {"turn": 1}, "overwrite": ["conversation"]}), 400
        )
        api.put(f"runs/{run}/breakpoints", json={"breakpoints": []}).raise_for_status()
        assert api.post(f"runs/{run}/resume").status_code == 202
        view = settle(api, run, "finished")
        assert view["output"] == "It is 42."
        for verb, body in {"pause": None, "resume": None, "step": {"count": 1}, "inject": {"input": "x"}}.items():
            assert "takes no more commands" in problem(api.post(f"runs/{run}/{verb}", json=body), 409)
        events = api.get(f"runs/{run}/events", params={"format": "json"}).json()["items"]
        steered = [one["event"] for one in events if one["event"]["type"] == "run.steered"]
        assert [(one["command"], one["by"]) for one in steered[1:3]] == [("breakpoints", "api"), ("step", "api")]


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("POST", "step", {"count": 0}),
        ("POST", "state", {"writes": {}}),
        ("POST", "inject", {}),
        ("POST", "inject", {"input": "x", "when": "later"}),
        ("PUT", "breakpoints", {"breakpoints": [{}]}),
        ("PUT", "breakpoints", {"breakpoints": [{"when": "n is 3"}]}),
        ("POST", "rerun", {}),
    ],
)
def test_what_cannot_be_meant_is_refused(api: httpx.Client, verb: str, path: str, body: Any) -> None:
    problem(api.request(verb, f"runs/run_x/{path}", json=body), 422)


def test_no_such_run(api: httpx.Client) -> None:
    problem(api.post("runs/run_x/pause"), 404)
    problem(api.get("runs/run_x/breakpoints"), 404)
    problem(api.put("runs/run_x/breakpoints", json={"breakpoints": []}), 404)


def test_a_busy_thread_over_rest(served: str) -> None:
    with httpx.Client(base_url=f"{served}api/v1/", timeout=30) as api:
        first = started(api, "sleepy", thread_id="t")["id"]
        settle(api, first, "running")
        body = {"target": "echo", "input": "go", "thread_id": "t"}
        assert "busy" in problem(api.post("runs", json={**body, "if_busy": "reject"}), 409)
        waits = api.post("runs", json=body).json()["id"]
        third = api.post("runs", json={**body, "if_busy": "interrupt"}, params={"wait": 20}).json()
        assert third["status"] == "finished"
        assert {api.get(f"runs/{one}").json()["status"] for one in (first, waits)} == {"cancelled"}


@asynccontextmanager
async def line(served: str, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"{served.replace('http', 'ws')}api/v1/ws", proxy=None, **options) as socket:
        yield socket


async def heard(socket: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(15):
        while not (found and wanted(found[-1])):
            found.append(json.loads(await socket.recv()))
    return found


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def test_events_and_commands_on_one_line(served: str) -> None:
    async with httpx.AsyncClient(base_url=f"{served}api/v1/", timeout=30) as api, line(served) as socket:
        body = {"target": "counter", "input": "go", "breakpoints": [{"tool": "double"}]}
        run = (await api.post("runs", json=body)).json()["id"]
        await say(socket, type="subscribe", run_id=run)
        messages = await heard(socket, lambda one: one["type"] == "rest")
        assert messages[-1]["status"] == "paused"
        events = [one["envelope"] for one in messages if one["type"] == "event"]
        seqs = [one["seq"] for one in events if one["event"]["type"] not in PASSING]
        assert seqs == list(range(1, len(seqs) + 1))
        await say(socket, type="command", run_id=run, id="7", command={"command": "pause"})
        refused = (await heard(socket, lambda one: one["type"] == "problem"))[-1]
        assert (refused["id"], refused["run_id"], refused["problem"]["status"]) == ("7", run, 409)
        await say(socket, type="command", run_id=run, id="8", command={"command": "resume"})
        done = (await heard(socket, lambda one: one["type"] == "done"))[-1]
        assert (done["id"], done["number"]) == ("8", 2)
        await say(socket, type="subscribe", run_id=run, after=seqs[-1])
        messages = await heard(socket, lambda one: one["type"] == "rest" and one["status"] == "finished")
        events = [one["envelope"] for one in messages if one["type"] == "event"]
        rest = [one["seq"] for one in events if one["event"]["type"] not in PASSING]
        assert rest == list(range(seqs[-1] + 1, seqs[-1] + len(rest) + 1))
        assert events[-1]["event"]["type"] == "run.finished"


async def test_the_line_stands_through_nonsense(served: str) -> None:
    async with line(served) as socket:
        for text in ("", "{", "[]", '{"type":"subscribe"}', '{"type":"dance"}', json.dumps({"type": "command",
                     "run_id": "x", "command": {"command": "fly"}})):  # fmt: skip
            await socket.send(text)
            assert (await heard(socket, lambda one: one["type"] == "problem"))[-1]["problem"]["status"] == 400
        await say(socket, type="subscribe", run_id="run_x")
        assert (await heard(socket, lambda one: one["type"] == "problem"))[-1]["problem"]["status"] == 404
        await say(socket, type="ping", id="p")
        await heard(socket, lambda one: one["type"] == "beat" and one["id"] == "p")
        await heard(socket, lambda one: one["type"] == "beat" and one["id"] is None)


async def test_foreign_pages_and_hosts_do_not_get_a_line(served: str) -> None:
    host = served.split("//")[1].strip("/")
    with pytest.raises(InvalidStatus) as refused:
        async with line(served, origin=ORIGIN):
            pass
    assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        async with line(served, additional_headers={"Host": "evil.example"}):
            pass
    assert refused.value.response.status_code in (400, 421)
    async with line(served, origin=f"http://{host}") as socket:
        await say(socket, type="ping")
        await heard(socket, lambda one: one["type"] == "beat")


async def test_a_slow_reader_misses_nothing_and_holds_up_nobody(served: str) -> None:
    async with httpx.AsyncClient(base_url=f"{served}api/v1/", timeout=60) as api, line(served, max_queue=1) as socket:
        run = (await api.post("runs", json={"target": "slow", "input": "go"})).json()["id"]
        await say(socket, type="subscribe", run_id=run)
        for _ in range(200):
            if (await api.get(f"runs/{run}")).json()["status"] == "finished":
                break
            await asyncio.sleep(0.05)
        messages = await heard(socket, lambda one: one["type"] == "rest")
        last = [one["envelope"] for one in messages if one["type"] == "event"][-1]
        assert (last["event"]["type"], last["seq"]) == ("run.finished", (await api.get(f"runs/{run}")).json()["seq"])
