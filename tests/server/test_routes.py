"""Every route, against a real server."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest


def start(api: httpx.Client, target: str, input: Any = "hi", **more: Any) -> dict[str, Any]:
    """Run it and wait until it rests."""
    answer = api.post("runs", json={"target": target, "input": input, **more}, params={"wait": 20})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_health(api: httpx.Client) -> None:
    health = api.get("health").json()
    assert (health["status"], health["store"]["ok"], health["workspace"]) == ("ok", True, "default")
    assert health["store"]["url"].startswith("sqlite:///")
    assert health["models"]["reason"]


def test_agents(api: httpx.Client) -> None:
    agents = {agent["name"]: agent for agent in api.get("agents").json()["items"]}
    assert set(agents) == {"echo", "slow", "sleepy", "counter", "sender", "broken"}
    assert (agents["echo"]["description"], agents["echo"]["model"]) == ("Greets.", "scripted")
    (tool,) = agents["sender"]["tools"]
    assert (tool["name"], tool["effect"], tool["approval"]) == ("send", "once", True)
    assert tool["parameters"]["required"] == ["text"]
    assert api.get("agents/echo").json() == agents["echo"]
    assert api.get("agents/nobody").status_code == 404


def test_a_run_is_queued_and_then_finishes(api: httpx.Client) -> None:
    answer = api.post("runs", json={"target": "echo", "input": "hi"})
    assert answer.status_code == 202
    run = answer.json()
    assert run["status"] in ("queued", "running")
    assert (run["target"], run["output"], run["error"], run["questions"]) == ("echo", None, None, [])
    until = time.monotonic() + 10
    while (run := api.get(f"runs/{run['id']}").json())["status"] != "finished":
        assert time.monotonic() < until, run
        time.sleep(0.02)
    assert (run["input"], run["output"]) == ("hi", "Hello there, friend.")
    assert run["usage"]["requests"] == 1
    assert run["seq"] > 1


def test_waiting_gives_200_once_the_run_rests_and_202_where_it_does_not(api: httpx.Client) -> None:
    assert start(api, "echo")["status"] == "finished"
    answer = api.post("runs", json={"target": "slow", "input": "hi"}, params={"wait": 0.2})
    assert answer.status_code == 202
    assert answer.json()["status"] in ("queued", "running")
    api.post(f"runs/{answer.json()['id']}/cancel")


def test_a_thread_goes_on(api: httpx.Client) -> None:
    first = start(api, "echo", "one")
    second = start(api, "echo", "two", thread_id=first["thread_id"])
    assert second["thread_id"] == first["thread_id"]
    thread = api.get(f"threads/{first['thread_id']}").json()
    assert (thread["head_seq"], thread["target"]) == (4, "echo")
    items = api.get(f"threads/{first['thread_id']}/messages").json()["items"]
    assert [(item["seq"], item["message"]["role"]) for item in items] == [
        (1, "user"),
        (2, "assistant"),
        (3, "user"),
        (4, "assistant"),
    ]
    assert items[2]["message"]["parts"] == [{"type": "text", "text": "two"}]
    assert [item["run_id"] for item in items] == [first["id"]] * 2 + [second["id"]] * 2


def test_a_client_may_name_the_thread(api: httpx.Client) -> None:
    assert start(api, "echo", thread_id="my-thread.1")["thread_id"] == "my-thread.1"
    assert api.get("threads/my-thread.1").status_code == 200


def test_messages_page_both_ways(api: httpx.Client) -> None:
    thread = start(api, "echo", "one")["thread_id"]
    for words in ("two", "three"):
        start(api, "echo", words, thread_id=thread)
    page = api.get(f"threads/{thread}/messages", params={"limit": 4}).json()
    assert ([item["seq"] for item in page["items"]], page["next"]) == ([1, 2, 3, 4], 4)
    page = api.get(f"threads/{thread}/messages", params={"limit": 4, "after": 4}).json()
    assert ([item["seq"] for item in page["items"]], page["next"]) == ([5, 6], None)
    page = api.get(f"threads/{thread}/messages", params={"limit": 4, "newest": True}).json()
    assert ([item["seq"] for item in page["items"]], page["next"]) == ([3, 4, 5, 6], 3)
    page = api.get(f"threads/{thread}/messages", params={"limit": 4, "newest": True, "before": 3}).json()
    assert ([item["seq"] for item in page["items"]], page["next"]) == ([1, 2], None)


def test_threads_are_listed_renamed_and_deleted(api: httpx.Client) -> None:
    threads = [start(api, "echo")["thread_id"] for _ in range(3)]
    listed = _all(api, "threads", limit=2)
    assert [thread["id"] for thread in listed][:3] == threads[::-1]
    assert len({thread["id"] for thread in listed}) == len(listed)
    renamed = api.patch(f"threads/{threads[0]}", json={"title": "Tea & cake ☕"}).json()
    assert renamed["title"] == "Tea & cake ☕"
    assert api.delete(f"threads/{threads[1]}").status_code == 204
    assert api.get(f"threads/{threads[1]}").status_code == 404
    assert api.delete(f"threads/{threads[1]}").status_code == 404
    assert api.patch(f"threads/{threads[1]}", json={"title": "x"}).status_code == 404
    assert api.get(f"threads/{threads[1]}/messages").status_code == 404
    assert api.get(f"threads/{threads[1]}/context").status_code == 404
    assert threads[1] not in [thread["id"] for thread in _all(api, "threads", limit=200)]


def _all(api: httpx.Client, path: str, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        page = api.get(path, params=params).json()
        rows += page["items"]
        if page["next"] is None:
            return rows
        params["cursor"] = page["next"]


def test_the_context_tells_what_the_model_sees(api: httpx.Client) -> None:
    thread = start(api, "counter", "double it")["thread_id"]
    context = api.get(f"threads/{thread}/context").json()
    assert (context["start_seq"], context["summary"]) == (1, None)
    assert [item["role"] for item in context["items"]] == ["user", "assistant", "tool", "assistant"]
    assert context["items"][2]["text"] == "42"
    assert context["tokens"] == sum(item["tokens"] for item in context["items"]) > 0


def test_runs_are_listed_by_thread_and_status(api: httpx.Client) -> None:
    thread = start(api, "echo")["thread_id"]
    runs = [start(api, "echo", thread_id=thread)["id"] for _ in range(4)]
    listed = _all(api, "runs", thread_id=thread, limit=2)
    assert [run["id"] for run in listed][:4] == runs[::-1]
    assert len(listed) == 5
    assert {run["status"] for run in _all(api, "runs", status="finished", limit=50)} == {"finished"}
    assert api.get("runs", params={"status": "nonsense"}).status_code == 422
    assert api.get("runs", params={"thread_id": "unknown"}).json() == {"items": [], "next": None}


def test_a_failed_run_says_why_and_no_more(api: httpx.Client) -> None:
    run = start(api, "broken")
    assert run["status"] == "failed"
    assert run["error"]
    assert "Traceback" not in run["error"]


def test_parts_are_an_input_too(api: httpx.Client) -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "media", "mime": "image/png", "data": "iVBORw0KGgo="}]
    run = start(api, "echo", parts)
    assert run["status"] == "finished"
    assert run["input"] == parts
    message = api.get(f"threads/{run['thread_id']}/messages").json()["items"][0]["message"]
    assert (message["role"], message["parts"]) == ("user", parts)


def test_the_same_request_at_once_is_one_run(api: httpx.Client) -> None:
    def send(_: int) -> str:
        body = {"target": "echo", "input": "at once"}
        return api.post("runs", json=body, headers={"Idempotency-Key": "at once"}).json()["id"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(send, range(16)))) == 1


def test_the_same_key_gives_the_same_run(api: httpx.Client) -> None:
    body = {"target": "echo", "input": "once"}
    headers = {"Idempotency-Key": "order 66"}
    first = api.post("runs", json=body, headers=headers)
    again = api.post("runs", json=body, headers=headers, params={"wait": 20})
    assert again.json()["id"] == first.json()["id"]
    assert api.post("runs", json=body).json()["id"] != first.json()["id"]
    other = api.post("runs", json={**body, "input": "something else"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (409, "store.conflict")


@pytest.mark.parametrize("key", ["", "x" * 201, "naïve".encode("latin-1")])
def test_keys_are_bounded(api: httpx.Client, key: Any) -> None:
    answer = api.post("runs", json={"target": "echo", "input": "x"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422


def test_cancel_ends_a_run_and_a_second_time_changes_nothing(api: httpx.Client) -> None:
    run = api.post("runs", json={"target": "slow", "input": "hi"}).json()
    answer = api.post(f"runs/{run['id']}/cancel", json={"reason": "enough"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert api.post(f"runs/{run['id']}/cancel").json()["status"] == "cancelled"
    events = api.get(f"runs/{run['id']}/events", params={"format": "json"}).json()["items"]
    assert events[-1]["event"] == {"type": "run.cancelled", "reason": "enough", "by": "api"}
    assert api.post("runs/nothing/cancel").status_code == 404


def test_a_question_is_answered_and_the_run_goes_on(api: httpx.Client) -> None:
    run = start(api, "sender")
    assert run["status"] == "paused"
    (question,) = run["questions"]
    assert question["payload"] == {"tool": "send", "arguments": {"text": "hi"}}
    assert question["schema"]["anyOf"]
    assert api.post(f"runs/{run['id']}/answers", json={"answers": {"wrong": True}}).status_code == 404
    answer = api.post(f"runs/{run['id']}/answers", json={"answers": {question["id"]: True}})
    assert answer.status_code == 200
    until = time.monotonic() + 10
    while (run := api.get(f"runs/{run['id']}").json())["status"] != "finished":
        assert time.monotonic() < until, run
        time.sleep(0.02)
    assert (run["output"], run["questions"]) == ("Done.", [])
    late = api.post(f"runs/{run['id']}/answers", json={"answers": {question["id"]: False}})
    assert late.status_code == 409


def test_an_answer_may_wait_for_the_run_to_rest(api: httpx.Client) -> None:
    run = start(api, "sender")
    answers = {question["id"]: True for question in run["questions"]}
    done = api.post(f"runs/{run['id']}/answers", params={"wait": 10}, json={"answers": answers})
    assert (done.status_code, done.json()["status"], done.json()["output"]) == (200, "finished", "Done.")


def test_stored_events_as_json(api: httpx.Client) -> None:
    run = start(api, "counter")
    events = api.get(f"runs/{run['id']}/events", params={"format": "json"}).json()["items"]
    assert [event["seq"] for event in events] == list(range(1, run["seq"] + 1))
    assert (events[0]["event"]["type"], events[-1]["event"]["type"]) == ("run.started", "run.finished")
    page = api.get(f"runs/{run['id']}/events", params={"format": "json", "after": 2, "limit": 3}).json()["items"]
    assert page == events[2:5]


def test_unknown_things_are_not_found(api: httpx.Client) -> None:
    for path in ("runs/none", "runs/none/events", "threads/none", f"blobs/{'0' * 64}", "nothing", "runs/none/x"):
        answer = api.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path
    assert api.post("runs", json={"target": "nobody", "input": "hi"}).status_code == 404


def test_wrong_methods_are_named(api: httpx.Client) -> None:
    for method, path in (("PUT", "runs"), ("DELETE", "health"), ("POST", "threads/x")):
        answer = api.request(method, path)
        assert (answer.status_code, answer.json()["type"]) == (405, "route.method")
        assert answer.headers["allow"]


def test_the_inbox_shows_and_answers_questions_of_all_runs(api: httpx.Client) -> None:
    runs = [start(api, "sender") for _ in range(3)]
    inbox = api.get("interrupts", params={"limit": 2}).json()
    assert [one["run_id"] for one in inbox["items"]] == [runs[2]["id"], runs[1]["id"]]
    rest = api.get("interrupts", params={"limit": 2, "cursor": inbox["next"]}).json()
    assert rest["items"][0]["run_id"] == runs[0]["id"]
    one = inbox["items"][0]
    assert (one["kind"], one["tool"], one["arguments"], one["target"]) == ("approval", "send", {"text": "hi"}, "sender")
    assert (one["thread_id"], one["thread_title"]) == (runs[2]["thread_id"], "hi")
    assert one["path"][0] == "sender"
    assert one["schema"]["anyOf"]
    of_run = api.get("interrupts", params={"run_id": runs[1]["id"]}).json()["items"]
    of_thread = api.get("interrupts", params={"thread_id": runs[1]["thread_id"]}).json()["items"]
    assert of_run == of_thread == [inbox["items"][1]]

    wrong = {"run_id": runs[0]["id"], "id": rest["items"][0]["id"], "answer": {"decision": "perhaps"}}
    refused = api.post("interrupts/answers", json={"answers": [wrong]})
    assert (refused.status_code, refused.json()["type"]) == (422, "answer.invalid")
    assert "$" in refused.json()["detail"]
    assert api.post("interrupts/answers", json={"answers": [{**wrong, "id": "nothing"}]}).status_code == 404
    twice = api.post("interrupts/answers", json={"answers": [{**wrong, "answer": True}, {**wrong, "answer": False}]})
    assert (twice.status_code, twice.json()["detail"][:21]) == (400, "two answers are given")
    given = [{"run_id": item["run_id"], "id": item["id"], "answer": True} for item in [*inbox["items"], *rest["items"]]]
    assert api.post("interrupts/answers", json={"answers": [given[1], wrong]}).status_code == 422
    assert len(api.get("interrupts", params={"run_id": given[1]["run_id"]}).json()["items"]) == 1, "none is recorded"
    for _ in range(2):
        done = api.post("interrupts/answers", json={"answers": given})
        assert done.status_code == 200
        assert [item["run_id"] for item in done.json()["items"]] == [item["run_id"] for item in given]
    assert api.post("interrupts/answers", json={"answers": [{**given[0], "answer": False}]}).status_code == 409
    late = start(api, "sender")
    (open,) = api.get("interrupts", params={"run_id": late["id"]}).json()["items"]
    both = [{"run_id": late["id"], "id": open["id"], "answer": True}, {**given[0], "answer": False}]
    assert api.post("interrupts/answers", json={"answers": both}).status_code == 409
    assert len(api.get("interrupts", params={"run_id": late["id"]}).json()["items"]) == 1
    assert api.post("interrupts/answers", json={"answers": both[:1]}).status_code == 200
    left = api.get("interrupts").json()["items"]
    assert {item["run_id"] for item in left}.isdisjoint(run["id"] for run in runs)
