"""Costs, budgets and limits over REST."""

from typing import Any

import httpx


def start(api: httpx.Client, target: str, **more: Any) -> dict[str, Any]:
    answer = api.post("runs", json={"target": target, "input": "hi", **more}, params={"wait": 20})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_costs(api: httpx.Client) -> None:
    run = start(api, "echo")
    (row,) = api.get("costs", params={"by": ["model", "agent"], "run": run["id"]}).json()["items"]
    assert (row["key"], row["calls"], row["failed"]) == ({"model": "scripted", "agent": "echo"}, 1, 0)
    assert row["output_tokens"] == run["usage"]["output_tokens"]
    csv = api.get("costs", params={"by": "run", "run": run["id"], "since": "1h", "format": "csv"})
    assert csv.headers["content-type"].startswith("text/csv")
    head, line = csv.text.splitlines()
    assert (head.split(",")[:2], line.split(",")[:2]) == (["run", "calls"], [run["id"], "1"])
    assert api.get("costs", params={"until": "2020-01-01"}).json() == {"items": []}
    assert api.get("costs", params={"by": "colour"}).status_code == 422
    assert api.get("costs", params={"since": "yesterday"}).status_code in (400, 422)


def test_budgets(api: httpx.Client) -> None:
    thread = "costly"
    body = {"of": "thread", "subject": thread, "tokens": 3}
    (budget,) = api.put("budgets", json=body).json()["items"]
    assert (budget["subject"], budget["per"], budget["tokens"], budget["used_tokens"]) == (thread, "total", 3, 0)
    run = start(api, "echo", thread_id=thread)
    assert run["status"] == "paused"
    assert run["error"].startswith("budget: the budget of thread 'costly' (3 tokens in all) has 3 tokens left")
    events = api.get(f"runs/{run['id']}/events", params={"format": "json"}).json()["items"]
    assert [event["event"]["type"] for event in events][-2:] == ["limit.reached", "run.paused"]
    assert api.delete("budgets", params={"of": "thread", "per": "total", "subject": thread}).status_code == 204
    assert api.delete("budgets", params={"of": "thread", "per": "total", "subject": thread}).status_code == 404
    assert api.get("budgets").json() == {"items": []}
    assert api.put("budgets", json={"of": "user"}).status_code in (400, 422)


def test_a_run_goes_on_under_higher_limits(api: httpx.Client) -> None:
    run = start(api, "echo", limits={"turns": 0})
    assert (run["status"], run["error"][:7], run["output"]) == ("paused", "limit: ", None)
    answer = api.post(f"runs/{run['id']}/answers", json={"limits": {"turns": 5}})
    assert answer.status_code == 200
    run = ended(api, run["id"])
    assert (run["status"], run["error"], run["output"]) == ("finished", None, "Hello there, friend.")


def ended(api: httpx.Client, run_id: str) -> dict[str, Any]:
    """The run, once all its events have come."""
    with api.stream("GET", f"runs/{run_id}/events") as events:
        for _ in events.iter_lines():
            pass
    return api.get(f"runs/{run_id}").json()
