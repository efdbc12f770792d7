"""Streams of events: numbered, gapless, resumable anywhere, equal for everybody who listens."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.serving import Heard, app_in, durable, serving, watched, watching


def _start(api: httpx.Client, target: str) -> str:
    answer = api.post("runs", json={"target": target, "input": "hi"})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def _said(events: list[Heard]) -> str:
    """The words of the answer as a client pieces them together: a sync drops what was partial."""
    partial: dict[str, str] = {}
    for heard in events:
        if heard.event == "sync":
            partial.clear()
        elif heard.event == "delta":
            piece = heard.data["event"]
            partial[piece["message_id"]] = partial.get(piece["message_id"], "") + piece["text"]
        elif heard.event == "message.added":
            message = heard.data["event"]["message"]
            partial[message["id"]] = "".join(part["text"] for part in message["parts"] if part["type"] == "text")
    return list(partial.values())[-1]


def test_a_run_is_told_from_its_start_to_its_rest(api: httpx.Client) -> None:
    events = watched(api, _start(api, "counter"))
    stored = durable(events)
    assert [int(event.id or 0) for event in stored] == list(range(1, len(stored) + 1))
    assert (stored[0].event, stored[-1].event) == ("run.started", "run.finished")
    assert all(event.event == event.data["event"]["type"] for event in events if event.event != "sync")
    assert stored[-1].data["event"]["output"] == "It is 42."
    kinds = [event.event for event in stored]
    assert kinds.index("tool.finished") < kinds.index("run.finished")


def test_the_stream_is_made_for_proxies(api: httpx.Client) -> None:
    run = _start(api, "echo")
    with api.stream("GET", f"runs/{run}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        answer.read()


def test_stream_and_record_are_one(api: httpx.Client) -> None:
    run = _start(api, "counter")
    live = [event.data for event in durable(watched(api, run))]
    later = [event.data for event in durable(watched(api, run))]
    record = api.get(f"runs/{run}/events", params={"format": "json"}).json()["items"]
    assert live == later == record


def test_going_on_after_the_last_event(api: httpx.Client) -> None:
    run = _start(api, "counter")
    whole = durable(watched(api, run))
    for seen in (1, len(whole) // 2, len(whole) - 1):
        rest = durable(watched(api, run, **{"Last-Event-ID": str(seen)}))
        assert rest == whole[seen:]
    with api.stream("GET", f"runs/{run}/events", params={"after": 2}) as answer:
        assert len(answer.read()) > 0
    answer = api.get(f"runs/{run}/events", headers={"Last-Event-ID": str(len(whole))})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("wrong", ["abc", "-1", "1.5", "9" * 19 + "x", "1 OR 1=1"])
def test_a_wrong_last_event_id_is_refused(api: httpx.Client, wrong: str) -> None:
    run = _start(api, "echo")
    assert api.get(f"runs/{run}/events", headers={"Last-Event-ID": wrong}).status_code in (400, 422)


def test_two_clients_hear_the_same(api: httpx.Client) -> None:
    run = _start(api, "slow")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: watched(api, run), range(2))
    assert durable(first) == durable(second)
    assert _said(first) == _said(second) == " ".join(f"word{n}" for n in range(60))


def test_who_joins_late_is_told_what_is_going_on(api: httpx.Client) -> None:
    run = _start(api, "slow")
    with watching(api, run) as events:
        deltas = 0
        for event in events:
            deltas += event.event == "delta"
            if deltas == 5:
                break
    late = watched(api, run)
    kinds = [event.event for event in late]
    sync = kinds.index("sync")
    assert "delta" not in kinds[:sync]
    assert "model.started" in kinds[sync:]
    first = next(event for event in late[sync:] if event.event == "delta")
    assert len(first.data["event"]["text"].split()) >= 5
    assert _said(late) == " ".join(f"word{n}" for n in range(60))


def test_a_client_that_drops_again_and_again_misses_and_doubles_nothing(api: httpx.Client) -> None:
    run = _start(api, "slow")
    heard: list[Heard] = []
    everything: list[Heard] = []
    connections = 0
    while not heard or heard[-1].event != "run.finished":
        connections += 1
        headers = {"Last-Event-ID": heard[-1].id or ""} if heard else {}
        with watching(api, run, **headers) as events:
            for number, event in enumerate(events):
                everything.append(event)
                if event.id is not None:
                    heard.append(event)
                if number == 12:
                    break  # the line drops
    assert connections > 3
    assert [int(event.id or 0) for event in heard] == list(range(1, len(heard) + 1))
    assert heard == durable(watched(api, run))
    assert _said(everything) == " ".join(f"word{n}" for n in range(60))


def test_silence_is_broken_by_comments(api: httpx.Client) -> None:
    """The shared server comments after 0.3 s of silence."""
    run = api.post("runs", json={"target": "sleepy", "input": "hi"}).json()["id"]
    lines: list[str] = []
    with api.stream("GET", f"runs/{run}/events") as answer:
        for line in answer.iter_lines():
            lines.append(line)
            if line.startswith(":"):
                break
    assert lines[-1].startswith(":")
    api.post(f"runs/{run}/cancel")


def test_cancelling_ends_the_stream(api: httpx.Client) -> None:
    run = _start(api, "slow")
    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(watched, api, run)
        time.sleep(0.3)
        api.post(f"runs/{run}/cancel")
        events = listening.result(10)
    assert events[-1].event == "run.cancelled"


def test_a_paused_run_ends_the_stream_and_an_answer_begins_the_next(api: httpx.Client) -> None:
    run = _start(api, "sender")
    first = watched(api, run)
    assert first[-1].event == "run.paused"
    (question,) = first[-1].data["event"]["questions"]
    api.post(f"runs/{run}/answers", json={"answers": {question["id"]: {"decision": "reject", "reason": "no"}}})
    rest = watched(api, run, **{"Last-Event-ID": first[-1].id or ""})
    assert durable(rest)[0].event == "run.resumed"
    assert rest[-1].event == "run.finished"
    assert [int(event.id or 0) for event in durable(first) + durable(rest)] == list(range(1, int(rest[-1].id or 0) + 1))


def test_a_client_that_leaves_is_let_go(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    with serving(app) as url, httpx.Client(base_url=f"{url}api/v1/", timeout=30) as api:
        run = _start(api, "sleepy")
        for _ in range(3):
            with watching(api, run) as events:
                next(events)
        until = time.monotonic() + 5
        while _listeners(app) > 0:
            assert time.monotonic() < until, "streams of clients that left are still open"
            time.sleep(0.05)
        api.post(f"runs/{run}/cancel")


def _listeners(app: Any) -> int:
    return sum(len(listeners) for listeners in app.runner.hub._listeners.values())


def test_a_server_that_stops_ends_its_streams_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with serving(app_in(tmp_path), grace=0.2) as url:
            api = httpx.Client(base_url=f"{url}api/v1/", timeout=30)
            run = _start(api, "sleepy")
            listening = pool.submit(watched, api, run)
            until = time.monotonic() + 10
            while not api.get(f"runs/{run}/events", params={"format": "json"}).json()["items"]:
                assert time.monotonic() < until
            time.sleep(0.2)
            assert not listening.done()
            began = time.monotonic()
        assert durable(listening.result(1))[0].event == "run.started"
        assert time.monotonic() - began < 2, "the run that was under way is handed back after its grace"
        api.close()
