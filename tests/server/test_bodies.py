"""Whatever a client sends: an answer of the 4xx kind, never a 500, and nothing of our insides."""

import json
import socket
import time
from typing import Any

import httpx
import pytest

RUN = {"target": "echo", "input": "hi"}


def _problem(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    assert answer.status_code in statuses, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) <= {"type", "title", "status", "detail", "errors"}
    assert problem["status"] == answer.status_code
    assert "Traceback" not in answer.text
    assert len(answer.content) < 10_000
    return problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"target": "echo", "input": "hi"',
        b'{"target": "echo", "input": "\xc3\x28"}',
        b'{"target": "echo", "input": {"x": NaN}}',
        b'{"target": "echo", "input": {"x": 1e999}}',
        b'{"target": "echo", "input": {"x": ' + b"9" * 5000 + b"}}",
        b'{"target": "echo", "input": {"x": 99999999999999999999}}',
        b'{"target": "echo", "input": "nul \\u0000"}',
        b'{"target": "ec\\u0000ho", "input": "hi"}',
        b'{"target": "echo", "input": "half \\ud800"}',
        b'{"target": "echo", "input": {"\\ud800": 1}}',
        b'{"target": "echo", "input": {"a\\u0000": 1}}',
        b'{"target": "echo", "input": "hi", "\\ud800": 1}',
        b'{"target": "echo", "input": "hi", "thread_id": "a b"}',
        b'{"target": "echo", "input": "hi", "thread_id": 1}',
        b'{"target": ["echo"], "input": "hi"}',
        b'{"target": "' + b"x" * 1000 + b'", "input": "hi"}',
    ],
)
def test_malformed_bodies(api: httpx.Client, body: bytes) -> None:
    _problem(api.post("runs", content=body, headers={"content-type": "application/json"}), 400, 422)


@pytest.mark.parametrize("levels", [65, 900, 5_000, 200_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_deep_json(api: httpx.Client, levels: int, brackets: str) -> None:
    deep = "[" * levels + "]" * levels if brackets == "[]" else '{"a":' * levels + "1" + "}" * levels
    body = f'{{"target": "echo", "input": {{"x": {deep}}}}}'
    _problem(api.post("runs", content=body, headers={"content-type": "application/json"}), 400)


def test_a_body_that_is_not_called_json_is_not_read(api: httpx.Client) -> None:
    """So that a form of a foreign page cannot start a run."""
    body = json.dumps(RUN)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        _problem(api.post("runs", content=body, headers={"content-type": kind}), 400, 415, 422)
    _problem(api.post("runs", content=body), 400, 415, 422)


def test_ten_megabytes_are_the_most(api: httpx.Client) -> None:
    big = json.dumps({**RUN, "input": "x" * 10_000_000})
    for _ in range(5):  # the answer arrives, whether or not all of the body was sent before it
        answer = api.post("runs", content=big, headers={"content-type": "application/json"})
        assert _problem(answer, 413)["type"] == "request.too_large"


def test_a_body_that_says_it_is_too_large_is_not_waited_for(api: httpx.Client) -> None:
    with socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=10) as line:
        head = "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        line.sendall(f"{head}Content-Length: 99999999\r\n\r\n".encode())
        refusal = line.recv(10_000)
        assert refusal.startswith(b"HTTP/1.1 413")
        assert b"request.too_large" in refusal + line.recv(10_000)


def test_the_refusal_outlives_what_is_still_on_its_way(api: httpx.Client) -> None:
    with socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=10) as line:
        head = "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        line.sendall(f"{head}Content-Length: 20000000\r\n\r\n".encode())
        for _ in range(20):
            time.sleep(0.01)
            line.sendall(b" " * 1_000_000)
        answer = b"".join(iter(lambda: line.recv(10_000), b""))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"request.too_large" in answer


def test_ten_megabytes_are_the_most_of_a_body_of_unknown_length(api: httpx.Client) -> None:
    def pieces() -> Any:
        for _ in range(12):
            yield b" " * 1_000_000

    answer = api.post("runs", content=pieces(), headers={"content-type": "application/json"})
    _problem(answer, 413)


def test_a_large_body_within_the_limit_is_taken(api: httpx.Client) -> None:
    answer = api.post("runs", json={**RUN, "input": "x" * 2_000_000}, params={"wait": 20})
    assert (answer.status_code, answer.json()["status"]) == (200, "finished")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=-1", "limit=1.0", "limit=1e3", "limit=%201", "limit=1_0", "limit=", "limit=abc",
        "limit=99999999999999999999", "cursor=%00", "cursor=nonsense", "cursor=" + "x" * 400, "cursor=nan:x",
        "cursor=%ff%fe",
    ],
)  # fmt: skip
def test_wrong_parameters_of_threads(api: httpx.Client, query: str) -> None:
    _problem(api.get(f"threads?{query}"), 400, 422)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "status=x", "thread_id=", "thread_id=%00", "cursor=%0a"])
def test_wrong_parameters_of_runs(api: httpx.Client, query: str) -> None:
    _problem(api.get(f"runs?{query}"), 400, 422)


@pytest.mark.parametrize(
    "query", ["after=-1", "after=1.5", "before=0", "limit=0", "newest=perhaps", f"after={2**70}", f"before={2**64}"]
)
def test_wrong_parameters_of_messages(api: httpx.Client, query: str) -> None:
    thread = api.post("runs", json=RUN, params={"wait": 10}).json()["thread_id"]
    _problem(api.get(f"threads/{thread}/messages?{query}"), 422)


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "301", "x", "1e400"])
def test_wrong_waits(api: httpx.Client, wait: str) -> None:
    _problem(api.post("runs", json=RUN, params={"wait": wait}), 422)


@pytest.mark.parametrize("id", ["%00", "a%00b", "%0d%0a", "x" * 300, "%F0%9F%92%A9", "' OR 1=1 --", "..%2f..", "%ff"])
def test_strange_ids(api: httpx.Client, id: str) -> None:
    for path in (f"runs/{id}", f"threads/{id}", f"threads/{id}/messages", f"agents/{id}", f"blobs/{id}"):
        _problem(api.get(path), 404, 422)


@pytest.mark.parametrize(
    "answers", [[], {"q": "\x00"}, {"x" * 1001: 1}, {str(n): 1 for n in range(101)}, None, {"q": [[[2**64]]]}]
)
def test_wrong_answers(api: httpx.Client, answers: Any) -> None:
    run = api.post("runs", json={"target": "sender", "input": "x"}, params={"wait": 10}).json()["id"]
    _problem(api.post(f"runs/{run}/answers", json={"answers": answers}), 400, 422)


def test_what_is_wrong_is_named(api: httpx.Client) -> None:
    problem = _problem(api.post("runs", json={"target": "echo", "input": "hi", "extra": 1}), 422)
    assert problem["type"] == "request.invalid"
    assert [error["where"] for error in problem["errors"]] == ["body.extra"]


def test_foreign_hosts_and_origins(api: httpx.Client) -> None:
    assert _problem(api.get("health", headers={"host": "evil.example"}), 421)["type"] == "host.refused"
    answer = api.post("runs", json=RUN, headers={"origin": "https://evil.example"})
    assert _problem(answer, 403)["type"] == "origin.refused"
    assert "access-control-allow-origin" not in api.get("health", headers={"origin": "https://evil.example"}).headers
