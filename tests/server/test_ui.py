"""The UI's files: cached for ever where hashed, pages only where they are known, nothing beyond the folder."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from weft.server.errors import install
from weft.server.gate import Gate, Hosts
from weft.server.ui import PAGES, UI

_SCRIPT = b"console.log('weft')"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(
        '<!doctype html><html><head lang="en"><base href="/" />'
        '<script src="./assets/app-1a2b.js"></script></head></html>'
    )
    (folder / "assets" / "app-1a2b.js").write_bytes(_SCRIPT)
    (folder / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(_SCRIPT))
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def _api(directory: Path, root_path: str = "") -> FastAPI:
    api = FastAPI(openapi_url=None)
    install(api)
    api.router.default = UI(directory)
    api.add_middleware(Gate, hosts=Hosts("127.0.0.1"), root_path=root_path)
    return api


def _client(app: FastAPI | Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.fixture
async def client(dist: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(_api(dist)) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/chat", "/chat/thr_1", "/threads", "/runs", "/runs/run_1", "/runs/run_1/"])
async def test_pages(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.text.count("<base") == 1
    assert '<base href="/">' in answer.text


async def test_the_policy_of_pages_allows_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/")).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"
    assert not any("http" in rule or "*" in rule for rule in rules.values())


@pytest.mark.parametrize(
    "path",
    [
        "/assets/gone-ffff.js",
        "/assets/",
        "/nowhere",
        "/chat/a/b",
        "/threads/thr_1",
        "/index.html.gz",
        "/assets/app-1a2b.js.gz",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
        "/api",
        "/api/v1/nothing",
        "/api/chat",
    ],
)
async def test_whatever_is_not_there_is_a_problem_and_never_a_page(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(httpx.URL("http://localhost", raw_path=path.encode()))
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "secret" not in answer.text


async def test_hashed_assets_are_kept_for_ever(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/app-1a2b.js", headers={"accept-encoding": "identity"})
    assert answer.content == _SCRIPT
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (await client.get("/favicon.svg")).headers["cache-control"] == "no-cache"


async def test_the_packed_sibling_is_sent_to_who_takes_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/app-1a2b.js", headers={"accept-encoding": "br, gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == _SCRIPT


async def test_an_unchanged_file_is_not_sent_again(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/favicon.svg")).headers["etag"]
    assert (await client.get("/favicon.svg", headers={"if-none-match": tag})).status_code == 304
    assert (await client.get("/favicon.svg", headers={"if-none-match": '"other"'})).status_code == 200


async def test_pages_are_read_only(client: httpx.AsyncClient) -> None:
    assert (await client.post("/chat")).status_code == 405
    head = await client.head("/chat")
    assert (head.status_code, head.content) == (200, b"")


async def test_behind_a_proxy_with_a_prefix(dist: Path) -> None:
    async with _client(_api(dist, root_path="/weft")) as client:
        for path in ("/weft/chat", "/chat"):  # the proxy may strip the prefix or leave it
            assert '<base href="/weft/">' in (await client.get(path)).text


async def test_mounted_under_a_prefix(dist: Path) -> None:
    async with _client(Starlette(routes=[Mount("/inner", _api(dist))])) as client:
        assert '<base href="/inner/">' in (await client.get("/inner/runs")).text
        assert (await client.get("/inner/assets/app-1a2b.js")).content == _SCRIPT
        assert (await client.get("/inner/assets/none.js")).status_code == 404


async def test_without_a_built_ui_a_plain_page_says_how_to_build_it(tmp_path: Path) -> None:
    async with _client(_api(tmp_path / "none")) as client:
        answer = await client.get("/")
        assert answer.status_code == 200
        assert "make ui" in answer.text
        assert "script-src 'none'" in answer.headers["content-security-policy"]
        assert (await client.get("/assets/x.js")).status_code == 404


def test_every_page_of_the_ui_has_an_address_here() -> None:
    """Else it is there as long as nobody loads it anew."""
    told = (Path(__file__).parents[2] / "ui" / "src" / "routes" / "router.tsx").read_text()
    paths = [re.sub(r"\$\w+", "x", path) for path in re.findall(r'path: "([^"]+)"', told)]
    assert len(paths) > 10
    assert [path for path in paths if not PAGES.fullmatch(path)] == []
