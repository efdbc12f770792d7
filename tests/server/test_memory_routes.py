"""Memories over REST: written by hand, searched, changed, erased."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.server.serving import app_in, serving


@pytest.fixture
def api(tmp_path: Path) -> Iterator[httpx.Client]:
    with serving(app_in(tmp_path)) as url, httpx.Client(base_url=f"{url}api/v1/", timeout=30) as client:
        yield client


def texts(reply: httpx.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [each["memory"]["text"] for each in reply.json()["items"]]


def test_a_memory_from_beginning_to_end(api: httpx.Client) -> None:
    home = {"subject": "ada", "attribute": "home"}
    made = api.post("memories", json={"text": "Ada lives in Rome", "valid_from": 100.0, **home})
    assert made.status_code == 201, made.text
    id = made.json()["id"]
    assert api.post("memories", json={"text": "Ada lives in Rome", "valid_from": 100.0, **home}).json()["id"] == id
    api.post("memories", json={"text": "Ada lives in Bern", "valid_from": 200.0, **home})
    assert texts(api.get("memories/search", params={"q": "Where does Ada live?"})) == ["Ada lives in Bern"]
    assert texts(api.get("memories/search", params={"q": "Ada", "as_of": 150})) == ["Ada lives in Rome"]
    story = api.get(f"memories/{id}").json()
    assert [(each["version"], each["valid_to"]) for each in story["versions"]] == [(1, None), (2, 200.0)]
    assert (story["user"], story["agent"], story["thread"]) == ("local", "", "")
    changed = api.patch(f"memories/{id}", json={"text": "Ada lived in Rome", "pinned": True}).json()
    assert (changed["version"], changed["text"], changed["pinned"]) == (3, "Ada lived in Rome", True)
    assert api.delete(f"memories/{id}").status_code == 204
    assert api.get(f"memories/{id}").status_code == 404
    assert api.delete(f"memories/{id}").status_code == 404


def test_each_users_are_his(api: httpx.Client) -> None:
    for user in ("ada", "bob"):
        api.post("memories", params={"user": user}, json={"text": f"{user} drinks tea"})
    api.post("memories", json={"text": "Tea is in the kitchen", "of": "workspace"})
    seen = texts(api.get("memories/search", params={"q": "tea", "user": "ada"}))
    assert set(seen) == {"ada drinks tea", "Tea is in the kitchen"}
    assert texts(api.get("memories", params={"user": "bob"})) == ["bob drinks tea"]
    first = api.get("memories", params={"limit": 2}).json()
    rest = api.get("memories", params={"limit": 2, "after": first["next"]}).json()
    assert [each["user"] for each in (*first["items"], *rest["items"])] == [None, "bob", "ada"]
    assert rest["next"] is None
    assert api.delete("memories", params={"user": "ada"}).json() == {"count": 1}
    assert texts(api.get("memories", params={"user": "ada"})) == []
    assert texts(api.get("memories", params={"user": "bob"})) == ["bob drinks tea"]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"text": ""},
        {"text": " "},
        {"text": "x", "attribute": "home"},
        {"text": "x", "until": 1.0},
        {"text": "x", "of": "thread"},
        {"text": "x", "kind": "rumour"},
        {"text": "likes tea", "kind": "profile"},
        {"text": "x", "importance": 2},
        {"text": "x", "valid_from": float("1e300")},
        {"text": "x\x00y"},
    ],
)
def test_what_is_no_memory_is_refused(api: httpx.Client, wrong: object) -> None:
    reply = api.post("memories", json=wrong)
    assert 400 <= reply.status_code < 500, reply.text
    assert reply.json()["type"].startswith(("request.", "usage"))
    assert api.get("memories").json()["items"] == []


def test_a_change_says_what(api: httpx.Client) -> None:
    id = api.post("memories", json={"text": "x"}).json()["id"]
    assert [api.patch(f"memories/{id}", json=body).status_code for body in ({}, {"text": None})] == [400, 400]
    assert api.patch("memories/gone", json={"text": "y"}).status_code == 404


def test_entities_are_listed_and_asked_about(api: httpx.Client) -> None:
    edges = [
        ("Ada", "works at", "Acme", 100.0),
        ("Acme", "sits in", "Basel", 100.0),
        ("Ada", "not works at", "acme", 200.0),
    ]
    for subject, relation, object, at in edges:
        edge = {"subject": subject, "relation": relation, "object": object, "valid_from": at}
        assert api.post("memories", json={"text": f"{subject} {relation} {object}", **edge}).status_code == 201
    then = {"as_of": 150}
    first = api.get("entities", params={"limit": 1, **then}).json()
    assert ([one["name"] for one in first["items"]], first["next"]) == (["acme"], "acme")
    rest = api.get("entities", params={"after": "acme", **then}).json()
    assert ([(one["name"], one["edges"]) for one in rest["items"]], rest["next"]) == ([("ada", 1), ("basel", 1)], None)
    around = api.get("entities/related", params={"name": "ADA", "depth": 2, **then}).json()
    assert around["names"] == ["ada"]
    assert [(edge["relation"], edge["until"]) for edge in around["items"]] == [("works at", 200.0), ("sits in", None)]
    assert around["items"][0]["memories"][0]["text"] == "Ada works at Acme"
    (way,) = api.get("entities/paths", params={"start": "ada", "end": "basel", **then}).json()["items"]
    assert [edge["object"] for edge in way] == ["acme", "basel"]
    assert api.get("entities/related", params={"name": "ada"}).json()["items"] == []
    assert api.get("entities/related", params={"name": "ada", "known_at": 1.0, **then}).json()["items"] == []
    assert api.get("entities/related").status_code in (400, 422)
    assert api.post("memories", json={"text": "x", "relation": "knows"}).status_code in (400, 422)
