"""Events on a real CalDAV server: made, found, changed, deleted; and servers that mean no good."""

import asyncio
import http.client
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.models.loopback import Reply, serve
from tests.services import CalendarServer, radicale
from weft.agents.trying import members
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.tools.base import Tool
from weft.tools.builtin.calendar import Calendar
from weft.tools.catalogue import builtin
from weft.tools.run import run_tool

NAMED = """<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>
<D:displayname>{}</D:displayname></D:prop></D:set></C:mkcalendar>"""
WEEKLY = "FREQ=WEEKLY;COUNT=3"


@pytest.fixture(scope="module")
def server() -> Iterator[CalendarServer]:
    with radicale() as server:
        yield server


@pytest.fixture(autouse=True)
async def emptied(server: CalendarServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ada has two calendars and nothing in them."""
    monkeypatch.setenv("CALDAV_PASSWORD", server.password)
    for name in ("office", "home"):
        await asyncio.to_thread(told, server, "DELETE", f"/ada/{name}/")
        assert await asyncio.to_thread(told, server, "MKCALENDAR", f"/ada/{name}/", NAMED.format(name)) == 201


def told(server: CalendarServer, method: str, path: str, body: str = "", user: str = "ada") -> int:
    asking = http.client.HTTPConnection("127.0.0.1", server.port)
    key = b64encode(f"{user}:{server.password}".encode()).decode()
    asking.request(method, path, body.encode(), {"Authorization": f"Basic {key}", "Content-Type": "text/calendar"})
    status = asking.getresponse().status
    asking.close()
    return status


def calendar(server: CalendarServer, user: str = "ada", **more: Any) -> Calendar:
    given = {"password": "os.environ/CALDAV_PASSWORD", "write": True, "timezone": "Europe/Berlin"}
    return Calendar(server.url(user), **{**given, **more})


async def tools_of(tools: Calendar) -> dict[str, Tool]:
    return {each.name: each for each in await members(tools)}


async def ask(tools: Calendar, ctx: Context[Any], name: str, **arguments: Any) -> str:
    return (await run_tool((await tools_of(tools))[name], arguments, ctx)).content


async def month(tools: Calendar, ctx: Context[Any], **more: Any) -> list[str]:
    return (await ask(tools, ctx, "list_events", start="2026-03-01", end="2026-04-10", **more)).splitlines()


def another(ctx: Context[Any]) -> Context[Any]:
    return Context(ctx.run, ("desk", "act#2"), None, ctx._host)


async def test_a_life_of_an_event(server: CalendarServer, ctx: Context[Any]) -> None:
    mine = calendar(server)
    assert [(each.effect, each.approval) for each in (await tools_of(mine)).values()] == [
        ("read", False), ("read", False), ("idempotent", True), ("idempotent", True), ("idempotent", True),
    ]  # fmt: skip
    assert sorted((await ask(mine, ctx, "list_calendars")).split()) == ["home", "office"]
    assert await month(mine, ctx) == ["There are no events."]
    event = {
        "title": "Tea, with ä\nand more",
        "start": "2026-03-10T15:00",
        "end": "2026-03-10T16:30",
        "calendar": "Office",
    }
    made = await ask(mine, ctx, "create_event", place="Kitchen", **event)
    assert made == await ask(mine, ctx, "create_event", place="Kitchen", **event)  # called again after a crash
    id = made.removeprefix("made in office, id ")
    line = f"2026-03-10 15:00 to 2026-03-10 16:30 CET | Tea, with ä and more | Kitchen | id {id}"
    assert await month(mine, ctx) == [line]
    assert await month(mine, ctx, words="kitCHEN", calendar="office") == [line]
    assert await month(mine, ctx, words="garden") == await month(mine, ctx, calendar="home") == ["There are no events."]
    await ask(mine, ctx, "change_event", id=id, start="2026-03-11T09:00", title="Coffee", place="")
    assert await month(mine, ctx) == [f"2026-03-11 09:00 to 2026-03-11 10:30 CET | Coffee | id {id}"]
    await ask(mine, ctx, "create_event", **event)  # made again: what became of it since is left alone
    assert "Coffee" in (await month(mine, ctx))[0]
    await ask(mine, ctx, "delete_event", id=id)
    await ask(mine, ctx, "delete_event", id=id)
    assert await month(mine, ctx) == ["There are no events."]
    with pytest.raises(ToolRetry, match="there is no event"):
        await ask(mine, ctx, "change_event", id=id, title="x")


async def test_days_zones_and_repeats(server: CalendarServer, ctx: Context[Any]) -> None:
    mine = calendar(server)
    await ask(mine, ctx, "create_event", title="Fair", start="2026-03-05", end="2026-03-08")
    weekly = {"start": "2026-03-18T10:00", "end": "2026-03-18T11:00", "timezone": "America/New_York", "repeats": WEEKLY}
    await ask(mine, another(ctx), "create_event", title="Call", **weekly)
    assert [line.partition(" | id")[0] for line in await month(mine, ctx)] == [
        "2026-03-05 to 2026-03-07 (whole day) | Fair",
        "2026-03-18 15:00 to 2026-03-18 16:00 CET | Call",
        "2026-03-25 15:00 to 2026-03-25 16:00 CET | Call",
        "2026-04-01 16:00 to 2026-04-01 17:00 CEST | Call",
    ]
    later = await ask(mine, ctx, "list_events", start="2026-03-20", end="2026-03-30")
    assert later.startswith("2026-03-25 15:00")


async def test_events_of_other_programs(server: CalendarServer, ctx: Context[Any]) -> None:
    body = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{0}\r\nDTSTAMP:20260101T000000Z\r\n{1}\r\n"
    )
    endless = "DTSTART:20260301T000000Z\r\nDURATION:PT1S\r\nRRULE:FREQ=HOURLY\r\nSUMMARY:Tick"
    for name, lines in (("a", endless), ("b", "DTSTART;TZID=Nowhere/Land:20260302T100000\r\nSUMMARY:Odd")):
        text = body.format(name, lines) + "END:VEVENT\r\nEND:VCALENDAR\r\n"
        assert await asyncio.to_thread(told, server, "PUT", f"/ada/home/{name}.ics", text) == 201
    listed = await month(calendar(server), ctx)
    assert len([line for line in listed if "Tick" in line]) == 300
    assert any("only its first 300 times" in line for line in listed)
    assert any("Odd" in line for line in listed)


async def test_what_cannot_be(server: CalendarServer, ctx: Context[Any]) -> None:
    mine = calendar(server)
    day = {"title": "x", "start": "2026-03-05", "end": "2026-03-06"}
    for wrong in (
        {"start": "tomorrow"}, {"end": "2026-03-01"}, {"end": "2026-03-06T10:00"}, {"repeats": "NEVER"},
        {"calendar": "secret"}, {"start": "2026-03-05T10:00", "end": "2026-03-05T11:00", "timezone": "Mars"},
    ):  # fmt: skip
        with pytest.raises(ToolRetry):
            await ask(mine, ctx, "create_event", **{**day, **wrong})
    with pytest.raises(ToolRetry, match="by 400 days at most"):
        await ask(mine, ctx, "list_events", start="2020-01-01", end="2026-01-01")
    for id in ("/bob/secret/x.ics", "/ada/home/../../bob/x.ics", "/ada/home/", "/", "/ada/home/x.ics?y"):
        with pytest.raises(ToolRetry, match="there is no event"):
            await ask(mine, ctx, "delete_event", id=id)
    assert await month(mine, ctx) == ["There are no events."]


async def test_secrets(server: CalendarServer, ctx: Context[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="not written down"):
        Calendar("https://ada@example.com", password="hunter2")
    with pytest.raises(ToolFailed, match=r"not sent to cal\.example over http"):
        await ask(Calendar("http://ada@cal.example", password="os.environ/CALDAV_PASSWORD"), ctx, "list_calendars")
    with pytest.raises(ToolFailed, match="CALDAV_URL is not set"):
        await ask(Calendar(), ctx, "list_calendars")
    monkeypatch.setenv("CALDAV_URL", f"http://ada:se%2Fc%3Ar%40et@127.0.0.1:{server.port}/ada/office/")
    assert await ask(Calendar(), ctx, "list_calendars") == "office"
    assert [each.name for each in await members(builtin("calendar"))] == ["list_calendars", "list_events"]
    monkeypatch.setenv("CALDAV_PASSWORD", "wrong")
    with pytest.raises(ToolFailed, match="does not take us"):
        await ask(calendar(server), ctx, "list_calendars")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "document type"),
        (b"<x", "cannot be read"),
        (
            b'<D:multistatus xmlns:D="DAV:"><D:response><D:href>/</D:href><D:propstat><D:prop>'
            b"<D:current-user-principal><D:href>http://127.0.0.1:9/steal</D:href></D:current-user-principal></D:prop></D:propstat></D:response>"
            b"</D:multistatus>",
            "who is somebody else",
        ),
    ],
)
async def test_servers_that_mean_no_good(body: bytes, words: str, ctx: Context[Any]) -> None:
    async with serve(Reply(status=207, mime="application/xml", chunks=[body])) as bad:
        with pytest.raises(ToolFailed, match=words):
            await ask(Calendar(bad.url), ctx, "list_calendars")
