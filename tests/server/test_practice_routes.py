"""Feedback, proposals, pins, profiles, notes and chores over REST."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.serving import app_in, serving


@pytest.fixture
def api(tmp_path: Path) -> Iterator[httpx.Client]:
    with serving(app_in(tmp_path)) as url, httpx.Client(base_url=f"{url}api/v1/", timeout=30) as client:
        yield client


def run(api: httpx.Client, words: str = "The door is blue") -> dict[str, Any]:
    target = api.get("agents").json()["items"][0]["name"]
    made = api.post("runs", params={"wait": 20}, json={"target": target, "input": words}).json()
    return api.get(f"runs/{made['id']}", params={"wait": 20}).json()


def test_feedback_is_given_listed_and_taken_back(api: httpx.Client) -> None:
    done = run(api)
    made = api.post(f"runs/{done['id']}/feedback", json={"kind": "thumb", "value": "down", "message": 1})
    assert made.status_code == 201, made.text
    api.post(f"runs/{done['id']}/feedback", json={"kind": "correction", "value": "Say more"})
    items = api.get("feedback", params={"run": done["id"]}).json()["items"]
    assert [(one["kind"], one["message"], one["run"]) for one in items] == [
        ("thumb", 1, done["id"]),
        ("correction", 0, done["id"]),
    ]
    assert api.delete(f"feedback/{items[0]['n']}").status_code == 204
    assert api.delete(f"feedback/{items[0]['n']}").status_code == 404
    assert len(api.get("feedback").json()["items"]) == 1
    for wrong in ({"kind": "thumb", "value": "sideways"}, {"kind": "x", "value": "y"}, {"kind": "label", "value": ""}):
        assert api.post(f"runs/{done['id']}/feedback", json=wrong).status_code in (400, 422)
    assert api.post("runs/run_x/feedback", json={"kind": "thumb", "value": "up"}).status_code == 404


def test_a_proposal_is_approved_once(api: httpx.Client) -> None:
    made = [api.post("memories", json={"text": text, "kind": "proposed"}).json() for text in ("Be brief", "Be loud")]
    assert [one["memory"]["text"] for one in api.get("proposals").json()["items"]] == ["Be loud", "Be brief"]
    approved = api.post(f"proposals/{made[0]['id']}/approve")
    assert approved.json()["kind"] == "procedural", approved.text
    assert api.post(f"proposals/{made[0]['id']}/approve").status_code == 409
    assert api.post(f"proposals/{made[1]['id']}/reject", json={"reason": 1}).status_code == 422
    assert api.post(f"proposals/{made[1]['id']}/reject", json={"reason": "Rude"}).json()["rejected"] == "Rude"
    assert api.get("proposals").json()["items"] == []
    assert api.post("proposals/gone/approve").status_code == 404


def test_a_thread_is_searched_and_pinned(api: httpx.Client) -> None:
    done = run(api)
    found = api.get(f"threads/{done['thread_id']}/search", params={"q": "blue door"}).json()["items"]
    assert (found[0]["seq"], found[0]["text"]) == (1, "The door is blue")
    pinned = api.post(f"threads/{done['thread_id']}/pins", json={"message": 1})
    assert (pinned.status_code, pinned.json()["pinned"]) == (201, True)
    assert api.post(f"threads/{done['thread_id']}/pins", json={"message": 99}).status_code == 404
    assert api.get("threads/gone/search", params={"q": "x"}).status_code == 404


def test_chores_notes_and_profiles(api: httpx.Client) -> None:
    added = api.post("chores", json={"kind": "tidy", "user": "ada"})
    assert (added.status_code, added.json()["items"][0]["kind"]) == (202, "tidy")
    assert api.post("chores", json={"kind": "propose", "agent": "nobody"}).status_code == 404
    assert api.get("chores").json()["items"][0]["of"] == "ada"
    assert api.get("notes", params={"stage": "review"}).json() == {"items": []}
    assert api.get("profile", params={"user": "ada"}).json() == {"fields": {}}
    target = api.get("agents").json()["items"][0]["name"]
    assert api.patch("profile", json={"agent": target, "changes": {"diet": "all"}}).status_code == 400
