"""Anything at all, in any place: never a 500."""

import json
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = st.text(st.characters(codec=None), max_size=20)
"""Any characters, halves of surrogate pairs and NULs too."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
PARAMETERS = st.sampled_from(["limit", "cursor", "after", "before", "newest", "status", "thread_id", "format"])
NAMES = st.sampled_from(["target", "input", "thread_id", "answers", "reason", "title", "type", "text"]) | TEXT
BODY = st.dictionaries(NAMES, JSON, max_size=4) | JSON
_tries = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_SENT = {"content-type": "application/json"}


def _fine(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


@_tries
@given(body=BODY, path=st.sampled_from(["runs", "runs/x/answers", "runs/x/cancel", "threads/x"]))
def test_bodies(api: httpx.Client, body: Any, path: str) -> None:
    method = "PATCH" if path.startswith("threads") else "POST"
    _fine(api.request(method, path, content=json.dumps(body), headers=_SENT))


@_tries
@given(input=st.dictionaries(TEXT, JSON, max_size=4) | TEXT | st.lists(JSON, max_size=3), thread=st.none() | TEXT)
def test_inputs(api: httpx.Client, input: Any, thread: str | None) -> None:
    body = {"target": "echo", "input": input} | ({} if thread is None else {"thread_id": thread})
    answer = api.post("runs", content=json.dumps(body), headers=_SENT, params={"wait": 5})
    _fine(answer)
    if answer.status_code == 200:
        _fine(api.get(f"runs/{answer.json()['id']}/events", params={"format": "json"}))


@_tries
@given(answers=st.dictionaries(TEXT, JSON, min_size=1, max_size=2), data=st.data())
def test_answers(api: httpx.Client, answers: dict[str, Any], data: st.DataObject) -> None:
    run = api.post("runs", json={"target": "sender", "input": "x"}, params={"wait": 10}).json()
    if data.draw(st.booleans()):
        answers = {run["questions"][0]["id"]: next(iter(answers.values()))}
    _fine(api.post(f"runs/{run['id']}/answers", content=json.dumps({"answers": answers}), headers=_SENT))
    _fine(api.get(f"runs/{run['id']}"))


@_tries
@given(
    path=st.sampled_from(["runs", "threads", "runs/{}", "threads/{}", "threads/{}/messages", "threads/{}/context",
                          "runs/{}/events", "agents/{}", "blobs/{}"]),
    id=TEXT,
    query=st.dictionaries(PARAMETERS, TEXT, max_size=3),
)  # fmt: skip
def test_addresses(api: httpx.Client, path: str, id: str, query: dict[str, str]) -> None:
    told = "&".join(f"{name}={quote(value.encode(errors='surrogatepass'))}" for name, value in query.items())
    _fine(api.get(f"{path.format(quote(id.encode(errors='surrogatepass'), safe=''))}?{told}"))
