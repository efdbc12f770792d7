"""The policy and the audit over REST."""

from pathlib import Path
from typing import Any

import httpx
from tests.server.serving import app_in, serving

RULES = {"rules": [{"decision": "deny", "tools": "double", "reason": "no numbers", "name": "numbers"}]}


def start(api: httpx.Client, **more: Any) -> dict[str, Any]:
    answer = api.post("runs", json={"target": "counter", "input": "hi", **more}, params={"wait": 20})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_policy_is_put_holds_and_is_audited(tmp_path: Path) -> None:
    with serving(app_in(tmp_path)) as url, httpx.Client(base_url=f"{url}api/v1/", timeout=30) as api:
        assert api.get("policy").json()["policy"] is None
        start(api)
        assert api.get("audit").json() == {"items": [], "next_cursor": None}
        put = api.put("policy", json={"version": 0, "policy": RULES})
        assert (put.status_code, put.json()["version"]) == (200, 1)
        assert put.json()["defaults"][0]["name"] == "default: untrusted influence"
        assert api.put("policy", json={"version": 0, "policy": RULES}).status_code == 409
        wrong = api.put("policy", json={"version": 1, "policy": {"rules": [{"decision": "maybe"}]}})
        assert (wrong.status_code, "maybe" in wrong.text) == (400, True)
        assert api.put("policy", json={"version": 1, "policy": {"rule": []}}).status_code == 400
        runs = [start(api), start(api)]
        events = api.get(f"runs/{runs[0]['id']}/events", params={"format": "json"}).json()["items"]
        (judged,) = [each["event"] for each in events if each["event"]["type"] == "tool.judged"]
        assert (judged["decision"], judged["rule"], judged["reason"]) == ("deny", "numbers", "no numbers")
        first = api.get("audit", params={"limit": 1, "decision": "deny"}).json()
        second = api.get("audit", params={"limit": 1, "cursor": first["next_cursor"]}).json()
        assert second["next_cursor"] is None
        uses = [*first["items"], *second["items"]]
        assert [use["run_id"] for use in uses] == [runs[1]["id"], runs[0]["id"]]
        assert uses[0] | {"rule": "numbers", "effect": "read", "result_sha256": None, "failed": True} == uses[0]
        assert len(uses[0]["arguments_sha256"]) == 64
        assert api.get("audit", params={"run_id": runs[0]["id"], "since": "1h"}).json()["items"] == [uses[1]]
        for bad in ({"cursor": "x"}, {"since": "yesterday"}, {"decision": "maybe"}, {"limit": 0}):
            assert api.get("audit", params=bad).status_code in (400, 422)


def test_the_audit_proves_itself(tmp_path: Path) -> None:
    with serving(app_in(tmp_path)) as url, httpx.Client(base_url=f"{url}api/v1/", timeout=30) as api:
        api.put("policy", json={"version": 0, "policy": RULES})
        start(api)
        proof = api.get("audit/proof").json()
        assert (proof["ok"], proof["rows"], proof["erased"], proof["faults"]) == (True, 1, 0, [])
        assert api.get("audit/proof", params={"known": proof["head"]}).json() == proof
        other = api.get("audit/proof", params={"known": "1:" + "0" * 64}).json()
        assert (other["ok"], [fault["kind"] for fault in other["faults"]]) == (False, ["unknown"])
        assert api.get("audit/proof", params={"known": "1"}).status_code == 400


def test_what_would_become_of_a_call_is_said_and_nothing_is_called(tmp_path: Path) -> None:
    with serving(app_in(tmp_path)) as url, httpx.Client(base_url=f"{url}api/v1/", timeout=30) as api:
        call = {"tool": "pay", "arguments": {"amount": 5000}, "sources": ["inbox"]}
        free = api.post("policy/trial", json=call).json()
        assert (free["decision"], free["reason"], free["fitting"]) == ("allow", "no policy holds", [])
        draft = {"rules": [{"decision": "deny", "tools": "pay", "arguments": {"amount": "> 1000"}, "name": "big"}]}
        judged = api.post("policy/trial", json={**call, "policy": draft}).json()
        assert (judged["decision"], judged["rule"]) == ("deny", "big")
        assert [each["title"] for each in judged["fitting"]] == ["big", "default: untrusted influence"]
        small = {**call, "arguments": {"amount": 5}, "policy": draft}
        judged = api.post("policy/trial", json=small).json()
        assert (judged["decision"], judged["rule"]) == ("ask", "default: untrusted influence")
        assert "amount: under the influence of inbox" in judged["reason"]
        assert api.post("policy/trial", json={**small, "sources": []}).json()["decision"] == "allow"
        assert api.put("policy", json={"version": 0, "policy": draft}).status_code == 200
        assert api.post("policy/trial", json=call).json()["decision"] == "deny"
        assert api.post("policy/trial", json={**call, "policy": {"rule": 1}}).status_code == 400
        assert api.get("audit").json()["items"] == []
