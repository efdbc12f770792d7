"""Every error of the tree becomes a problem, and none tells of our insides."""

import httpx
import pytest
from fastapi import FastAPI

from weft import errors
from weft.server.errors import HIDDEN, STATUS, install, status_of


def _tree(kind: type[errors.WeftError]) -> list[type[errors.WeftError]]:
    return [kind, *[below for child in kind.__subclasses__() for below in _tree(child)]]


def _client(error: Exception) -> httpx.AsyncClient:
    api = FastAPI()
    install(api)

    @api.get("/boom")
    async def boom() -> None:
        raise error

    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.mark.parametrize("kind", _tree(errors.WeftError), ids=lambda kind: kind.__name__)
async def test_each_error_is_a_problem(kind: type[errors.WeftError]) -> None:
    async with _client(kind("the cause, told")) as client:
        answer = await client.get("/boom")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == status_of(kind("x"))
    problem = answer.json()
    assert (problem["type"], problem["status"]) == (kind.code, answer.status_code)
    assert problem["detail"] == (HIDDEN if answer.status_code == 500 else "the cause, told")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.GraphError, 400),
        (errors.NotFound, 404),
        (errors.Conflict, 409),
        (errors.LimitExceeded, 429),
        (errors.StoreFull, 507),
        (errors.StoreLocked, 503),
        (errors.ContentFiltered, 502),
        (errors.AccessDenied, 403),
    ],
)
def test_the_statuses_that_clients_rely_on(kind: type[errors.WeftError], status: int) -> None:
    assert status_of(kind("x")) == status


def test_only_what_is_really_unknown_is_a_500() -> None:
    assert {kind for kind, status in STATUS.items() if status == 500} == {errors.WeftError, errors.StoreError}


async def test_what_may_pass_says_when_to_come_back() -> None:
    async with _client(errors.StoreLocked("busy")) as client:
        assert (await client.get("/boom")).headers["retry-after"] == "1"
    async with _client(errors.NotFound("gone")) as client:
        assert "retry-after" not in (await client.get("/boom")).headers


async def test_an_unforeseen_error_leaks_nothing() -> None:
    async with _client(RuntimeError("SELECT secret FROM /home/me/weft.db")) as client:
        answer = await client.get("/boom")
    assert (answer.status_code, answer.json()["type"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.json()["detail"] == HIDDEN


async def test_unknown_addresses_and_methods_are_problems() -> None:
    async with _client(RuntimeError()) as client:
        assert (await client.get("/nothing")).json()["type"] == "route.not_found"
        answer = await client.post("/boom")
    assert (answer.status_code, answer.json()["type"], answer.headers["allow"]) == (405, "route.method", "GET")
