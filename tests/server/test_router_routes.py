"""The router over REST: versions, refusals, deployments, health."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.server.serving import app_in, serving

from weft import App
from weft.models.routing import Deployment
from weft.settings import Settings

KEY = "-".join(["sk", "proj", "abcdef1234567890"])
ONE = {"model": "openai/gpt-5-mini", "id": "one", "api_key": "os.environ/TEAM_KEY"}
ALLOWED = Settings(_env_file=None, model_variables=("TEAM_KEY",))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        serving(app_in(tmp_path), settings=ALLOWED) as url,
        httpx.Client(base_url=f"{url}api/v1/router/", timeout=30) as client,
    ):
        yield client


def test_a_router_is_put_and_read(own: httpx.Client) -> None:
    assert own.get("config").json() == {"version": 0, "at": None, "router": {}}
    put = own.put("config", json={"version": 0, "router": {"groups": {"fast": [ONE]}, "strategy": "least-busy"}})
    assert put.status_code == 200, put.text
    shown = own.get("config").json()
    assert shown == put.json()
    assert shown["version"] == 1
    assert shown["router"] == {"groups": {"fast": [ONE]}, "strategy": "least-busy"}
    again = own.put("config", json={"version": 0, "router": {}})
    assert (again.status_code, again.json()["type"]) == (409, "store.conflict")
    assert own.get("config").json() == shown


def test_deployments_are_added_and_removed(own: httpx.Client) -> None:
    assert own.post("deployments", json={"group": "fast", "deployment": ONE}).json()["version"] == 1
    two = own.post("deployments", json={"group": "fast", "deployment": {"model": "openai/gpt-5"}, "version": 1})
    assert two.json()["version"] == 2
    items = own.get("deployments").json()["items"]
    assert [(each["group"], each["deployment"]["model"]) for each in items] == [
        ("fast", "openai/gpt-5-mini"),
        ("fast", "openai/gpt-5"),
    ]
    assert own.delete("deployments/one", params={"version": 1}).status_code == 409
    assert own.delete("deployments/one").json()["version"] == 3
    assert own.delete("deployments/one").status_code == 404
    health = own.get("health").json()
    assert health["version"] == 3
    assert [(each["id"], each["state"], each["calls"]) for each in health["deployments"]] == [
        (items[1]["id"], "unused", 0)
    ]


def test_a_key_is_refused_and_never_answered(own: httpx.Client) -> None:
    leaky = {**ONE, "api_key": KEY}
    for reply in (
        own.put("config", json={"version": 0, "router": {"groups": {"fast": [leaky]}}}),
        own.post("deployments", json={"group": "fast", "deployment": leaky}),
    ):
        assert reply.status_code == 400
        assert "os.environ/NAME" in reply.json()["detail"]
        assert KEY not in reply.text
    assert own.get("config").json()["version"] == 0
    assert own.get("health").json() == {"version": 0, "deployments": []}


def test_what_of_the_environment_a_deployment_may_send(own: httpx.Client) -> None:
    there = "http://127.0.0.1:9/v1"
    refused = (
        {"model": "openai/x", "base_url": there, "api_key": "os.environ/OPENAI_API_KEY"},
        {"model": "openai/x", "api_key": "os.environ/WEFT_SECRET_KEY"},
        {"model": "groq/x", "api_key": "os.environ/OPENAI_API_KEY"},
        {"model": "x", "base_url": there, "settings": {"extra_headers": {"X-Key": "os.environ/DATABASE_URL"}}},
        {"model": "huggingface/https://127.0.0.1:9/x"},
    )
    for wrong in refused:
        added = own.post("deployments", json={"group": "fast", "deployment": wrong})
        put = own.put("config", json={"version": 0, "router": {"groups": {"fast": [wrong]}}})
        assert (added.status_code, put.status_code) == (403, 403), wrong
    assert "WEFT_MODEL_VARIABLES" in own.post("deployments", json={"group": "fast", "deployment": refused[0]}).text
    for fine in (
        {"model": "openai/x", "base_url": there, "api_key": "os.environ/TEAM_KEY"},
        {"model": "openai/x", "api_key": "os.environ/OPENAI_API_KEY"},
    ):
        assert own.post("deployments", json={"group": "fast", "deployment": fine}).status_code == 200, fine


def test_what_the_operator_put_there_stays_there(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    mine = Deployment("openai/x", base_url="http://127.0.0.1:9/v1", api_key="os.environ/MY_KEY")
    asyncio.run(_put(app_in(tmp_path), mine))
    with serving(app) as url, httpx.Client(base_url=f"{url}api/v1/router/", timeout=30) as client:
        shown = client.get("config").json()
        shown["router"]["retries"] = 3
        assert client.put("config", json={"version": 1, "router": shown["router"]}).status_code == 200
        shown["router"]["groups"]["fast"][0]["base_url"] = "http://127.0.0.1:10/v1"
        assert client.put("config", json={"version": 2, "router": shown["router"]}).status_code == 403


async def _put(app: App, deployment: Deployment) -> None:
    async with app:
        await app.router.add("fast", deployment)
