"""The past over REST, against a real server."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.serving import app_in

from weft.server.app import create_app
from weft.settings import Settings


def start(api: httpx.Client, target: str, **more: Any) -> dict[str, Any]:
    answer = api.post("runs", json={"target": target, "input": "hi", **more}, params={"wait": 20})
    assert answer.status_code == 200, answer.text
    return answer.json()


def settled(api: httpx.Client, run: dict[str, Any]) -> dict[str, Any]:
    for _ in range(200):
        if (run := api.get(f"runs/{run['id']}").json())["status"] not in ("queued", "running"):
            break
    return run


def test_history_and_state(api: httpx.Client) -> None:
    run = start(api, "counter")
    thread = run["thread_id"]
    page = api.get(f"threads/{thread}/history", params={"limit": 2}).json()
    assert [(one["step"], one["made_by"], one["next"]) for one in page["items"]] == [
        (4, ["think"], []),
        (3, ["act"], ["think"]),
    ]
    assert page["next"] == 3
    rest = api.get(f"threads/{thread}/history", params={"before": 3}).json()
    assert [(one["step"], one["source"], one["run_id"]) for one in rest["items"]] == [
        (2, "step", run["id"]),
        (1, "input", run["id"]),
    ]
    state = api.get(f"threads/{thread}/state", params={"at": 1}).json()
    assert (state["step"], state["next"], state["summary"]) == (1, ["think"], None)
    assert [(one["seq"], one["message"]["role"]) for one in state["messages"]] == [(1, "user")]
    assert api.get(f"threads/{thread}/state").json()["messages"][-1]["message"]["parts"][0]["text"] == "It is 42."
    assert api.get(f"threads/{thread}/state", params={"at": 99}).status_code == 404
    assert api.get("threads/nowhere/history").status_code == 404
    assert api.get(f"threads/{thread}/history", params={"path": "x/\x00"}).status_code == 422


def test_fork_and_go_on(api: httpx.Client) -> None:
    thread = start(api, "counter")["thread_id"]
    answer = api.post(f"threads/{thread}/fork", json={"at": 1, "go_on": True})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["thread_id"], made["step"], made["parent"], made["next"]) == (thread, 5, 1, ["think"])
    assert settled(api, made["run"])["output"] == "It is 42."
    assert [one["seq"] for one in api.get(f"threads/{thread}/messages").json()["items"]] == list(range(1, 8))
    into = api.post(
        f"threads/{thread}/fork", json={"at": 2, "into": f"{thread}-b", "write": {"conversation": ["more"]}}
    )
    assert into.json()["thread_id"] == f"{thread}-b"
    waited = api.post(
        f"threads/{thread}/fork", params={"wait": 20}, json={"at": 1, "go_on": True, "confirm": True}
    ).json()
    assert (waited["run"]["status"], waited["run"]["output"]) == ("finished", "It is 42.")
    assert api.post(f"threads/{thread}/fork", json={"into": f"{thread}-b"}).status_code == 409
    assert api.post(f"threads/{thread}/fork", json={"write": {"nothing": 1}}).status_code == 400
    assert api.post(f"threads/{thread}/fork", json={"write": {"conversation": 7}}).status_code == 400
    assert api.post(f"threads/{thread}/fork", json={"at": -1}).status_code == 422
    assert api.post("threads/nowhere/fork", json={}).status_code == 404


def test_replay_and_diff(api: httpx.Client) -> None:
    run = start(api, "counter")
    answer = api.post(f"runs/{run['id']}/replay", json={})
    assert answer.status_code == 202, answer.text
    replayed = settled(api, answer.json())
    assert (replayed["status"], replayed["output"], replayed["usage"].get("requests", 0)) == (
        *("finished", "It is 42.", 0),
    )
    waited = api.post(f"runs/{run['id']}/replay", params={"wait": 20}, json={})
    assert (waited.status_code, waited.json()["output"]) == (200, "It is 42.")
    diff = api.get(f"runs/{run['id']}/diff/{replayed['id']}").json()
    assert (diff["same"], diff["divergence"]) == (True, None)
    other = api.get(f"runs/{run['id']}/diff/{start(api, 'echo')['id']}").json()
    assert (other["same"], other["divergence"]["index"]) == (False, 1)
    assert api.post("runs/nothing/replay", json={}).status_code == 404
    assert api.get(f"runs/{run['id']}/diff/nothing").status_code == 404


def test_two_states_side_by_side(api: httpx.Client) -> None:
    thread, other = start(api, "counter")["thread_id"], start(api, "counter")["thread_id"]
    diff = api.get(f"threads/{thread}/diff", params={"a": 1}).json()
    assert (diff["a"], diff["b"], diff["same"]) == (1, 4, False)
    assert [one["channel"] for one in diff["differences"]] == ["messages"]
    assert api.get(f"threads/{thread}/diff", params={"a": 1, "b": 1, "other": other}).json()["same"]
    assert api.get(f"threads/{thread}/diff", params={"a": 99}).status_code == 404


@pytest.mark.parametrize(("settings", "kept"), [({"keep": 5}, (5, None)), ({"keep_days": 2.0}, (None, 2.0))])
def test_a_server_keeps_what_its_settings_say(tmp_path: Path, settings: dict[str, Any], kept: Any) -> None:
    app = app_in(tmp_path)
    create_app(app, settings=Settings(_env_file=None, **settings))
    assert app.retention is not None
    assert (app.retention.keep, app.retention.days) == kept
