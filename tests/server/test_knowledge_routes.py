"""Documents over REST: uploaded, indexed, searched, read around a citation, taken away; each user's are his."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.serving import app_in, serving

from weft.errors import AccessDenied
from weft.server.app import create_app
from weft.settings import Settings
from weft.storage.base import Scope


@pytest.fixture
def api(tmp_path: Path) -> Iterator[httpx.Client]:
    with serving(app_in(tmp_path)) as url, httpx.Client(base_url=f"{url}api/v1/", timeout=30) as client:
        yield client


def ready(api: httpx.Client, collection: str, added: httpx.Response) -> dict[str, Any]:
    assert added.status_code == 202, added.text
    row = added.json()
    until = time.monotonic() + 20
    while row["status"] not in ("ready", "failed"):
        assert time.monotonic() < until
        time.sleep(0.02)
        row = api.get(f"knowledge/{collection}/documents/{row['id']}").json()
    return row


def test_a_document_from_beginning_to_end(api: httpx.Client) -> None:
    body = b"# Warranty\n\nIt lasts for two years.\n\n# Returns\n\n" + b"Within thirty days. " * 100
    said = {"name": "manual.md", "metadata": json.dumps({"year": 2024}), "readers": ["workspace"]}
    row = ready(api, "handbook", api.post("knowledge/handbook/documents", params=said, content=body))
    assert (row["status"], row["kind"], row["bytes"], row["metadata"], row["readers"]) == (
        *("ready", "markdown", len(body), {"year": 2024}, ["workspace"]),
    )
    told = {"text": "Tea is green.", "name": "tea", "metadata": {"year": 2020}}
    tea = ready(api, "handbook", api.post("knowledge/handbook/documents", json=told))
    (summary,) = api.get("knowledge").json()["items"]
    assert summary == {"name": "handbook", "documents": 2, "pieces": row["pieces"] + 1, "indexing": 0}
    first = api.get("knowledge/handbook/documents", params={"limit": 1}).json()
    rest = api.get("knowledge/handbook/documents", params={"limit": 1, "cursor": first["next"]}).json()
    assert [each["id"] for each in (*first["items"], *rest["items"])] == [row["id"], tea["id"]]
    assert rest["next"] is None
    (found, *_) = api.get("knowledge/handbook/search", params={"q": "warranty years"}).json()["items"]
    assert (found["document"], found["page"], found["offset"]) == ({"id": row["id"], "name": "manual.md"}, None, 0)
    at = f"knowledge/handbook/documents/{row['id']}"
    excerpt = api.get(f"{at}/text", params={"offset": found["offset"]}).json()
    assert excerpt["text"].startswith("# Warranty\n\nIt lasts")
    where = {"q": "warranty tea", "where": json.dumps({"year": {"lt": 2022}})}
    assert [
        each["document"]["name"] for each in api.get("knowledge/handbook/search", params=where).json()["items"]
    ] == ["tea"]
    assert api.get(f"knowledge/other/documents/{row['id']}").status_code == 404
    assert api.delete(f"knowledge/other/documents/{row['id']}").status_code == 404
    assert api.delete(at).status_code == 204
    assert [api.get(at).status_code, api.get(f"{at}/text").status_code, api.delete(at).status_code] == [404] * 3


def test_what_cannot_be_taken_is_refused(api: httpx.Client) -> None:
    row = ready(api, "x", api.post("knowledge/x/documents", params={"name": "a.pdf"}, content=b"%PDF-1.7 no"))
    assert row["status"] == "failed"
    assert "broken" in row["error"]
    for told, status in (
        *(({}, 400), ({"text": "a", "url": "http://b"}, 400), ({"url": "file:///etc/passwd"}, 400)),
        *(({"url": "http://169.254.169.254/latest"}, 403), ({"text": "a", "metadata": {"a": {}}}, 400)),
        *(({"text": "a", "more": 1}, 400), ({"text": "a", "metadata": {"document": "b"}}, 400)),
    ):
        answer = api.post("knowledge/x/documents", json=told)
        assert answer.status_code == status, answer.text
        assert "/etc" not in answer.text or status == 400
    for path in ("knowledge/x/search", "knowledge/x/search?q=a&where=[1]", "knowledge/x/documents?cursor=x"):
        assert api.get(path).status_code in (400, 422)


async def _by_header(request: Request) -> Scope:
    user = request.headers.get("x-user")
    if user is None:
        raise AccessDenied("say who you are")
    return Scope("default", user)


async def test_users_see_nothing_of_each_other(tmp_path: Path) -> None:
    api = create_app(app_in(tmp_path), settings=Settings(_env_file=None), admit=_by_header)
    ada, bob = {"x-user": "ada"}, {"x-user": "bob"}
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    base = "http://localhost/api/v1/"
    async with (
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=transport, base_url=base, timeout=30) as client,
    ):
        told = {"text": "The code of the safe is 1234", "name": "codes"}
        answer = await client.post("knowledge/vault/documents", json=told, headers=ada)
        id = answer.json()["id"]
        await api.state.weft.app.knowledge("vault").settled()
        mine = (await client.get("knowledge/vault/search", params={"q": "code"}, headers=ada)).json()["items"]
        assert [each["document"]["id"] for each in mine] == [id]
        for path in ("knowledge", "knowledge/vault/documents", "knowledge/vault/search?q=code"):
            assert (await client.get(path, headers=bob)).json()["items"] == [], path
            assert (await client.get(path, params={"user": "ada"}, headers=bob)).status_code == 403 or "?" in path
        forged = await client.get("knowledge/vault/search", params={"q": "code", "user": "ada"}, headers=bob)
        assert forged.status_code == 403
        for method, path in (
            ("GET", f"knowledge/vault/documents/{id}"),
            ("GET", f"knowledge/vault/documents/{id}/text"),
            ("DELETE", f"knowledge/vault/documents/{id}"),
        ):
            assert (await client.request(method, path, headers=bob)).status_code == 404
        shared = {**told, "readers": ["workspace"]}
        assert (await client.post("knowledge/vault/documents", json=shared, headers=bob)).status_code == 403
        assert (await client.delete(f"knowledge/vault/documents/{id}", headers=ada)).status_code == 204


_TEXT = st.text(st.characters(codec=None), max_size=20)
_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | _TEXT, lambda i: st.lists(i, max_size=3))
_KEYS = st.sampled_from(["text", "url", "name", "metadata", "readers"]) | _TEXT


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(_KEYS, _JSON | st.dictionaries(_TEXT, _JSON, max_size=2), max_size=4) | _JSON,
    name=_TEXT,
    where=st.dictionaries(_TEXT, _JSON, max_size=2) | _JSON,
)
def test_anything_at_all(api: httpx.Client, body: Any, name: str, where: Any) -> None:
    at = f"knowledge/{quote(name.encode(errors='surrogatepass'), safe='')}"
    told = quote(json.dumps(where))
    sent = {"content-type": "application/json"}
    for answer in (
        api.post("knowledge/x/documents", content=json.dumps(body), headers=sent),
        api.post("knowledge/x/documents", content=b"a", params={"name": "a", "metadata": json.dumps(where)}),
        api.get(f"{at}/documents"),
        api.get(f"knowledge/x/search?q=a&where={told}"),
        api.get(f"knowledge/x/documents/{quote(name.encode(errors='surrogatepass'), safe='')}"),
    ):
        assert answer.status_code < 500, answer.text
