"""Export and erasure over REST, and who may ask for them."""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from tests.server.serving import app_in, serving


@pytest.fixture
def api(tmp_path: Path) -> Iterator[httpx.Client]:
    with serving(app_in(tmp_path)) as url, httpx.Client(base_url=f"{url}api/v1/", timeout=30) as client:
        yield client


def said(api: httpx.Client, words: str) -> str:
    target = api.get("agents").json()["items"][0]["name"]
    made = api.post("runs", params={"wait": 20}, json={"target": target, "input": words}).json()
    return api.get(f"runs/{made['id']}", params={"wait": 20}).json()["thread_id"]


def test_export_and_erase(api: httpx.Client) -> None:
    thread = said(api, "The door is blue")
    answer = api.get("export", params={"thread": thread})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert b"The door is blue" in archive.read("messages.jsonl")
    assert api.get("export", params={"user": "local"}).status_code == 200
    assert api.get("export").status_code == 200
    assert api.get("export", params={"user": "nobody"}).status_code == 404
    one, none = {"threads": 1, "found": True, "left": 0}, {"threads": 0, "found": False, "left": 0}
    assert api.post("erasures", json={"of": "thread", "name": thread}).json() == one
    assert api.get(f"threads/{thread}").status_code == 404
    said(api, "The gate is green")
    assert api.post("erasures", json={"of": "user", "name": "local"}).json() == one
    assert api.post("erasures", json={"of": "user", "name": "local"}).json() == none
    assert api.get("erasures").json() == {"items": []}
    said(api, "The wall is white")
    assert api.post("erasures", json={"of": "workspace"}).json()["threads"] == 1
    assert api.get("threads").json()["items"] == []
    for wrong in ({"of": "user"}, {"of": "workspace", "name": "x"}, {"of": "all"}, {}):
        assert api.post("erasures", json=wrong).status_code in (400, 422)
