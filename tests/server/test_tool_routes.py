"""The workspace's tools over REST."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.server.serving import app_in, serving

from weft.tools.registry import Permits, permit


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    monkeypatch.setenv("WEFT_TOOL_PACKAGES", "tests.tools")
    monkeypatch.setenv("WEFT_TOOL_HOSTS", "127.0.0.1:9")
    with serving(app_in(tmp_path)) as url, httpx.Client(base_url=f"{url}api/v1/", timeout=30) as client:
        yield client
    permit(Permits())


def test_tools_are_listed_added_tried_and_removed(own: httpx.Client) -> None:
    items = {each["name"]: each for each in own.get("tools").json()["items"]}
    assert (items["calculator"]["enabled"], items["web_search"]["choices"]) == (False, ["engine", "count", "seconds"])
    added = own.post("tools/custom", json={"name": "mine", "target": "tests.tools.functions:several"})
    assert (added.status_code, added.json()["enabled"]) == (201, True)
    shown = own.get("tools/mine").json()
    assert [(each["name"], each["effect"], each["approval"]) for each in shown["tools"]] == [
        ("double", "idempotent", False), ("wipe", "once", True),
    ]  # fmt: skip
    done = own.post("tools/mine/run", json={"tool": "double", "arguments": {"n": 4}}).json()
    assert done == {"tool": "double", "content": "8", "failed": False, "media": [], "questions": []}
    assert own.post("tools/mine/run", json={"tool": "double", "arguments": {"n": []}}).json()["failed"]
    (question,) = own.post("tools/mine/run", json={"tool": "wipe", "arguments": {"path": "/"}}).json()["questions"]
    assert question["payload"] == {"tool": "wipe", "arguments": {"path": "/"}}
    assert own.patch("tools/calculator", json={"enabled": True}).json()["enabled"]
    assert own.post("tools/calculator/run", json={"arguments": {"expression": "6*7"}}).json()["content"] == "42"
    assert own.delete("tools/mine").status_code == 204
    assert own.get("tools/mine").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("tools/custom", {"name": "x", "target": "os:system"}, 403),
        ("tools/custom", {"name": "x", "target": "tests.tools.functions:none"}, 400),
        ("tools/custom", {"name": "x y", "target": "a:b"}, 422),
        ("tools/mcp", {"name": "x", "command": ["sh", "-c", "id"]}, 403),
        ("tools/mcp", {"name": "x"}, 400),
        ("tools/mcp", {"name": "x", "url": "https://x", "headers": {"Authorization": "Bearer k"}}, 400),
        ("tools/mcp", {"name": "x", "url": "https://x", "headers": {"X-Key": "os.environ/WEFT_SECRET_KEY"}}, 403),
        ("tools/mcp", {"name": "x", "url": "http://169.254.169.254/latest"}, 403),
        ("tools/mcp", {"name": "x", "url": "http://127.0.0.1:22/"}, 403),
        ("tools/none/run", {}, 404),
        ("tools/sql/run", {}, 404),
    ],
)
def test_what_is_refused(path: str, body: object, status: int, own: httpx.Client) -> None:
    answer = own.post(path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text


def test_an_mcp_server_that_is_not_there(own: httpx.Client) -> None:
    assert own.post("tools/mcp", json={"name": "far", "url": "http://127.0.0.1:9/mcp"}).status_code == 201
    assert own.post("tools/mcp", json={"name": "far", "url": "http://127.0.0.1:9/mcp"}).status_code == 409
    assert own.get("tools/far").json()["tools"] == []
    assert own.post("tools/far/run", json={"tool": "x"}).status_code == 404


def test_secrets_are_set_and_never_told(own: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_SECRET_KEY", "k" * 32)
    assert own.put("secrets/SLACK", json={"value": "xoxb-1"}).status_code == 204
    assert own.get("secrets").json() == {"items": ["SLACK"]}
    assert own.get("secrets/SLACK").status_code in (404, 405)
    refused = own.put("secrets/SLACK", json={"value": "", "secret": "xoxb-2"})
    assert (refused.status_code, "xoxb" in refused.text) == (422, False)
    assert own.put("secrets/a%20b", json={"value": "x"}).status_code == 422
    options = {"token": "secret:SLACK", "channels": ["desk"]}
    assert own.patch("tools/slack", json={"enabled": True, "options": options}).json()["options"] == options
    assert own.patch("tools/slack", json={"options": {"token": "os.environ/HOME"}}).status_code == 403
    assert own.delete("secrets/SLACK").status_code == 204
    assert own.delete("secrets/SLACK").status_code == 404


def test_trials_are_audited(own: httpx.Client) -> None:
    rules = [{"decision": "deny", "tools": "calculator", "arguments": {"expression": "*9*"}}]
    assert own.put("policy", json={"version": 0, "policy": {"rules": rules}}).status_code == 200
    for expression in ("1+1", "9+9"):
        own.post("tools/calculator/run", json={"arguments": {"expression": expression}})
    assert [(use["tool"], use["decision"]) for use in own.get("audit").json()["items"]] == [
        ("calculator", "deny"), ("calculator", "allow"),
    ]  # fmt: skip
