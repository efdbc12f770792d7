"""One user against another's memories, over every route that has to do with them: nothing is shown, nothing changed."""

from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection

from weft import Agent, App, Context, Memory
from weft.memory.notes import note
from weft.models.scripted import Scripted, call
from weft.server.app import create_app
from weft.storage.base import Scope
from weft.storage.memory_rows import Source
from weft.tools.function import tool

TAGS = {"memories", "practice"}
SECRET = "sesame"
"""In everything that is Ada's."""
_METHODS = ("get", "post", "put", "patch", "delete")


@tool
async def jot(ctx: Context[Any]) -> str:
    """Put something down."""
    await note(ctx, "decision", f"{SECRET} noted", name="n")
    return "noted"


SCHEMA = {"type": "object", "properties": {"diet": {"type": "string"}}}


def talker() -> Agent[Any]:
    script = Scripted([call("jot"), f"{SECRET} said"], order="turn")
    return Agent("helper", model=script, tools=[jot], memory=Memory(profile=SCHEMA))


async def whoever_says(connection: HTTPConnection) -> Scope:
    return Scope("default", connection.headers["x-user"])


class House:
    """Two users with the same things of their own, and a client for each."""

    def __init__(self, app: App) -> None:
        self.app, self.ids = app, dict[str, list[str]]()
        transport = httpx.ASGITransport(create_app(app, admit=whoever_says, over_mcp=False))
        self.clients = {
            user: httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1/", headers={"x-user": user})
            for user in ("ada", "bob")
        }

    async def furnish(self, user: str) -> None:
        app, thread = self.app, f"thread-of-{user}"
        run = await app.run("helper", f"{SECRET} asked", thread=thread, user=user)
        memories = app.memories(user, agent="helper", thread=thread)
        source = Source(thread=thread, run=run.run_id, at=1.0)
        rows = [
            await memories.add(f"{SECRET} of {user}", of=of, source=source, kind=kind)
            for of, kind in (("user", "semantic"), ("agent", "proposed"), ("thread", "episodic"))
        ]
        edge = {"subject": f"{SECRET} {user}", "relation": "knows", "object": "door"}
        rows.append(await memories.add(f"{SECRET} {user} knows the door", **edge))
        await app.change_profile("helper", {"diet": f"{SECRET} {user}"}, user)
        remark = await app.feedback(run.run_id, "label", f"{SECRET} {user}", user=user, author=user)
        await app.pin(thread, 1, user)
        await app.tidy(user)
        await app.settled()
        self.ids[user] = [*[row.id for row in rows], thread, run.run_id, str(remark.n)]

    async def all_of(self, user: str) -> str:
        """Everything that is kept of the user."""
        app, scope = self.app, Scope(user=user)
        placed = await app.store.memories.list(scope, limit=1000)
        return str(
            (
                placed,
                [await app.store.memories.sources(scope, each.row.id) for each in placed],
                await app.remarks(user=user),
                await app.notes(user=user),
                await app.profile(user),
                [(one.kind, one.of) for one in await app.chores(user)],
            )
        )


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with App(agents=[talker()], store="sqlite://") as app:
        made = House(app)
        for user in ("ada", "bob"):
            await made.furnish(user)
        yield made
        for client in made.clients.values():
            await client.aclose()


@cache
def routes(app: App) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every route of memories, as the API itself tells them."""
    paths: dict[str, dict[str, Any]] = create_app(app, over_mcp=False).openapi()["paths"]
    return [
        (method, path.removeprefix("/api/v1/"), told)
        for path, methods in paths.items()
        for method, told in methods.items()
        if method in _METHODS and TAGS & set(told.get("tags", ()))
    ]


def test_the_routes_are_there() -> None:
    found = {f"{method} {path}" for method, path, _ in routes(App(store="sqlite://"))}
    assert len(found) >= 23
    assert {"get entities/related", "get memories/{id}", "patch profile", "get threads/{id}/search"} <= found


ASKED: dict[str, Any] = {"q": SECRET, "name": f"{SECRET} ada", "start": f"{SECRET} ada", "end": "door"}
"""What some routes must be asked with."""
MEANT: dict[str, Any] = {"user": "ada", "agent": "helper", "thread": "thread-of-ada", "depth": 5}
BODIES: list[dict[str, Any] | None] = [
    {"text": "taken", "agent": "helper", "thread": "thread-of-ada"},
    {"kind": "label", "value": "taken"},
    {"kind": "tidy", "user": "ada"},
    {"kind": "propose", "user": "ada", "agent": "helper"},
    {"message": 1},
    {"agent": "helper", "changes": {"diet": "taken"}},
]


@pytest.mark.blocks
@pytest.mark.parametrize(
    "meant", [set[str](), {"user"}, {"agent", "thread", "run", "depth"}], ids=["none", "user", "place"]
)
async def test_no_route_shows_or_changes_anothers(house: House, meant: set[str]) -> None:
    before, theirs, bob = await house.all_of("ada"), house.ids["ada"], house.clients["bob"]
    chosen = {**MEANT, "run": theirs[-2]}
    for method, path, told in routes(house.app):
        names = {one["name"] for one in told.get("parameters", ()) if one["in"] == "query"}
        query = {key: value for key, value in (ASKED | chosen).items() if key in names & {*ASKED, *meant}}
        for id in theirs if "{" in path else [""]:
            place = path.replace("{id}", id).replace("{n}", theirs[-1])
            for body in BODIES if method in ("post", "patch", "put") else [None]:
                reply = await bob.request(method.upper(), place, params=query, json=body)
                assert reply.status_code < 500, (method, place, reply.text)
                seen = reply.text.replace(f'"names":["{SECRET} ada"]', "")  # the name that was asked for
                assert f"{SECRET} ada" not in seen, (method, place, query)
                assert f"{SECRET} of ada" not in seen, (method, place, query)
                assert reply.status_code >= 400 or "thread-of-ada" not in seen, (method, place, query, seen)
                assert "{" not in path or reply.status_code >= 400, (method, place, reply.text)
    assert await house.all_of("ada") == before


async def test_each_sees_his_own_by_the_same_routes(house: House) -> None:
    """So that the other test does not pass because nothing is shown to anybody."""
    for user, client in house.clients.items():
        for path, query in (
            ("memories", {}),
            ("memories/search", {"q": SECRET}),
            (f"memories/{house.ids[user][0]}", {}),
            ("entities", {}),
            ("entities/related", {"name": "door"}),
            ("entities/paths", {"start": "door", "end": f"{SECRET} {user}"}),
            ("proposals", {}),
            ("feedback", {}),
            ("profile", {}),
        ):
            reply = await client.get(path, params=query)
            assert reply.status_code == 200, (path, reply.text)
            assert user in reply.text, path
            assert SECRET in reply.text, path
