"""The application as it may be put up: for several users, under a prefix, for foreign pages, in another one."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from tests.server.serving import app_in, serving, watched

from weft import App
from weft.errors import AccessDenied
from weft.server.app import create_app
from weft.server.deps import everything_of
from weft.settings import Settings
from weft.storage.base import Scope


def _settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


@asynccontextmanager
async def _opened(api: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    """A client in this process, with the application's lifespan around it."""
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    async with (
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


async def _by_header(request: Request) -> Scope:
    user = request.headers.get("x-user")
    if user is None:
        raise AccessDenied("say who you are")
    return Scope("default", user)


async def test_users_see_nothing_of_each_other(tmp_path: Path) -> None:
    api = create_app(app_in(tmp_path), settings=_settings(), admit=_by_header)
    ada, bob = {"x-user": "ada"}, {"x-user": "bob"}
    async with _opened(api) as client:
        body = {"target": "sender", "input": "secret of Ada"}
        answer = await client.post("/api/v1/runs?wait=10", json=body, headers={**ada, "Idempotency-Key": "k"})
        run = answer.json()
        assert run["status"] == "paused"
        id, thread, question = run["id"], run["thread_id"], run["questions"][0]["id"]
        for method, path, sent in (
            ("GET", f"runs/{id}", None),
            ("GET", f"runs/{id}/events", None),
            ("GET", f"runs/{id}/events?format=json", None),
            ("POST", f"runs/{id}/cancel", {}),
            ("POST", f"runs/{id}/answers", {"answers": {question: True}}),
            ("GET", f"threads/{thread}", None),
            ("GET", f"threads/{thread}/messages", None),
            ("GET", f"threads/{thread}/context", None),
            ("PATCH", f"threads/{thread}", {"title": "mine"}),
            ("DELETE", f"threads/{thread}", None),
            ("POST", "runs", {"target": "echo", "input": "hi", "thread_id": thread}),
        ):
            foreign = await client.request(method, f"/api/v1/{path}", json=sent, headers=bob)
            assert foreign.status_code == 404, (method, path, foreign.text)
            assert "Ada" not in foreign.text
            unknown = await client.request(method, f"/api/v1/{path}", json=sent)
            assert (unknown.status_code, unknown.json()["type"]) == (403, "access")
        assert (await client.get("/api/v1/runs", headers=bob)).json()["items"] == []
        assert (await client.get(f"/api/v1/runs?thread_id={thread}", headers=bob)).json()["items"] == []
        assert (await client.get("/api/v1/threads", headers=bob)).json()["items"] == []
        again = await client.post("/api/v1/runs", json=body, headers={**bob, "Idempotency-Key": "k"})
        assert again.status_code in (202, 409), "a key of somebody else's gives nothing of theirs"
        assert again.json().get("id") != id
        mine = (await client.get(f"/api/v1/runs/{id}", headers=ada)).json()
        assert (mine["status"], mine["user_id"]) == ("paused", "ada")


async def test_without_a_login_everything_of_the_workspace_is_seen(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    assert await everything_of(app)(Request({"type": "http"})) == Scope("default", None)
    async with _opened(create_app(app, settings=_settings())) as client:
        await app.run("echo", "hi", user="somebody", thread="theirs")
        assert (await client.get("/api/v1/threads/theirs")).status_code == 200


def test_under_a_prefix_whether_the_proxy_strips_it_or_not(tmp_path: Path) -> None:
    with serving(app_in(tmp_path), settings=_settings(root_path="/weft")) as url, httpx.Client(base_url=url) as client:
        for path in ("/weft/api/v1/health", "/api/v1/health"):
            assert client.get(path).json()["status"] == "ok"
        assert '<base href="/weft/">' in client.get("/weft/").text
        assert client.get("/weft/api/v1/openapi.json").json()["servers"] == [{"url": "/weft"}]
        with httpx.Client(base_url=f"{url}weft/api/v1/") as api:
            run = api.post("runs", json={"target": "echo", "input": "hi"}).json()["id"]
            assert watched(api, run)[-1].event == "run.finished"


async def test_pages_that_are_allowed_may_use_the_api(tmp_path: Path) -> None:
    api = create_app(app_in(tmp_path), settings=_settings(cors=("https://ours.example",)))
    origin = {"origin": "https://ours.example"}
    async with _opened(api) as client:
        asked = {**origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        allowed = await client.options("/api/v1/runs", headers=asked)
        assert allowed.headers["access-control-allow-origin"] == "https://ours.example"
        body = {"target": "echo", "input": "hi"}
        answer = await client.post("/api/v1/runs?wait=10", json=body, headers=origin)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://ours.example")
        foreign = await client.options("/api/v1/runs", headers={**asked, "origin": "https://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers
        assert (await client.post("/api/v1/runs", json=body, headers={"origin": "https://evil.example"})).is_error


async def test_inside_another_application(tmp_path: Path) -> None:
    app = app_in(tmp_path)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await app.start()
        yield
        await app.close()

    outer = FastAPI(lifespan=lifespan)
    outer.mount("/inner", create_app(app, settings=_settings()))
    async with _opened(outer) as client:
        answer = await client.post("/inner/api/v1/runs?wait=10", json={"target": "echo", "input": "hi"})
        assert answer.json()["status"] == "finished"
        assert '<base href="/inner/">' in (await client.get("/inner/runs")).text
        assert (await client.get("/inner/api/v1/nothing")).json()["type"] == "route.not_found"


async def test_a_store_that_does_not_answer_is_told(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    async with _opened(create_app(app, settings=_settings())) as client:
        assert (await client.get("/api/v1/health")).status_code == 200
        await app.store.close()
        answer = await client.get("/api/v1/health")
        assert (answer.status_code, answer.json()["status"], answer.json()["store"]["ok"]) == (503, "degraded", False)


async def test_an_app_without_targets_is_served_too(tmp_path: Path) -> None:
    async with _opened(create_app(App(store=f"sqlite:///{tmp_path / 'x.db'}"), settings=_settings())) as client:
        assert (await client.get("/api/v1/agents")).json() == {"items": []}
        assert (await client.post("/api/v1/runs", json={"target": "x", "input": "hi"})).status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_no_page_that_loads_from_elsewhere(tmp_path: Path, path: str) -> None:
    async with _opened(create_app(app_in(tmp_path), settings=_settings())) as client:
        assert (await client.get(path)).status_code == 404
