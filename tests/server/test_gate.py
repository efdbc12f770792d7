"""Only our own hosts, no writes from foreign pages, safe headers on everything."""

import httpx
import pytest
from fastapi import FastAPI

from weft.server.gate import Gate, Hosts


def _client(*, bound: str = "127.0.0.1", names: tuple[str, ...] = (), cors: tuple[str, ...] = ()) -> httpx.AsyncClient:
    api = FastAPI()

    @api.api_route("/x", methods=["GET", "POST"])
    async def x() -> str:
        return "in"

    api.add_middleware(Gate, hosts=Hosts(bound, names), origins=cors)
    return httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost:4280")


@pytest.mark.parametrize(
    ("bound", "names", "host", "status"),
    [
        ("127.0.0.1", (), "localhost:4280", 200),
        ("127.0.0.1", (), "127.0.0.1:4280", 200),
        ("127.0.0.1", (), "[::1]:4280", 200),
        ("127.0.0.1", (), "app.localhost", 200),
        ("127.0.0.1", (), "LOCALHOST.", 200),
        ("127.0.0.1", (), "evil.example", 421),
        ("127.0.0.1", (), "localhost.evil.example", 421),
        ("127.0.0.1", (), "192.168.1.5:4280", 421),
        ("127.0.0.1", (), "", 421),
        ("127.0.0.1", (), "[not-an-address", 421),
        ("0.0.0.0", (), "192.168.1.5:4280", 200),
        ("0.0.0.0", (), "evil.example", 421),
        ("0.0.0.0", ("weft.example",), "Weft.Example:443", 200),
        ("0.0.0.0", ("*",), "anything.example", 200),
    ],
)
async def test_hosts(bound: str, names: tuple[str, ...], host: str, status: int) -> None:
    async with _client(bound=bound, names=names) as client:
        answer = await client.get("/x", headers={"host": host})
    assert answer.status_code == status
    if status == 421:
        assert answer.json()["type"] == "host.refused"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:4280", 200),
        ("https://ours.example", 200),
        ("https://evil.example", 403),
        ("http://localhost:9999", 403),
        ("null", 403),
    ],
)
async def test_a_foreign_page_may_not_write(origin: str, status: int) -> None:
    async with _client(cors=("https://ours.example",)) as client:
        assert (await client.post("/x", headers={"origin": origin})).status_code == status
        assert (await client.get("/x", headers={"origin": origin})).status_code == 200


async def test_every_answer_has_safe_headers() -> None:
    async with _client() as client:
        for answer in (await client.get("/x"), await client.get("/x", headers={"host": "evil.example"})):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
