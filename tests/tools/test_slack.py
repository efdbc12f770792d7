"""Slack over real HTTP: a server on this machine that answers in the shapes of its Web API's documentation."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.tools.loopback import Asked, Loopback, call, loopback, refused
from weft import Agent, App
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.models.scripted import Scripted
from weft.models.scripted import call as asks
from weft.tools.builtin.slack import Slack
from weft.tools.run import Broke

CHANNELS = [
    {"id": "C012AB3CD", "name": "general", "is_channel": True, "topic": {"value": "Company news", "creator": ""}},
    {"id": "C061EG9T2", "name": "random", "is_channel": True, "topic": {"value": "", "creator": ""}},
]
PEOPLE = [
    {"id": "W012A3CDE", "name": "spengler", "deleted": False, "real_name": "Egon Spengler",
     "profile": {"display_name": "egon", "title": "Scientist", "email": "egon@example.com"}},
    {"id": "W07QCRPA4", "name": "glinda", "deleted": True, "profile": {"display_name": "Glinda"}},
    {"id": "W07QCRPA5", "name": "ada", "deleted": False, "profile": {"display_name": "", "email": "ada@example.com"}},
]  # fmt: skip


def paged(what: str, items: list[Any]) -> Any:
    """A list that is given item by item, as a cursor asks for it."""

    def answer(asked: Asked) -> Any:
        at = int(asked.query.get("cursor") or "0")
        following = str(at + 1) if at + 1 < len(items) else ""
        return {"ok": True, what: items[at : at + 1], "response_metadata": {"next_cursor": following}}

    return answer


class Server:
    """Messages that stay, and trouble on demand."""

    def __init__(self) -> None:
        self.trouble = ""
        self.messages: list[dict[str, Any]] = [
            {"type": "message", "user": "W012A3CDE", "text": "I find you <punny>", "ts": "1512085950.000216"},
            {"type": "message", "bot_id": "B1", "text": "ping", "ts": "1512085951.000216", "reply_count": 2,
             "thread_ts": "1512085951.000216"},
        ]  # fmt: skip

    def history(self, asked: Asked) -> Any:
        return {"ok": True, "messages": self.messages[::-1], "has_more": False}

    def user(self, asked: Asked) -> Any:
        found = [each for each in PEOPLE if each["id"] == asked.query["user"]]
        return {"ok": True, "user": found[0]} if found else {"ok": False, "error": "user_not_found"}

    def post(self, asked: Asked) -> Any:
        if self.trouble == "limited":
            return refused(429, {"ok": False, "error": "ratelimited"}, Retry_After="30")
        if self.trouble and self.trouble not in ("reset", "fatal_error"):
            return {"ok": False, "error": self.trouble, "needed": "chat:write"}
        made = {"user": "W07QCRPA5", "ts": f"{1700000000 + len(self.messages)}.000100", **asked.json}
        self.messages.append(made)
        if self.trouble == "reset":
            return web.Response(status=200, body=b'{"ok": tr', headers={"Content-Type": "application/json"})
        if self.trouble:
            return {"ok": False, "error": self.trouble}
        return {"ok": True, "channel": asked.json["channel"], "ts": made["ts"], "message": made}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def here(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Loopback]:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "b0t-token")
    answers = {
        "GET /api/conversations.list": paged("channels", CHANNELS),
        "GET /api/conversations.history": server.history,
        "GET /api/conversations.replies": server.history,
        "GET /api/users.list": paged("members", PEOPLE),
        "GET /api/users.info": server.user,
        "POST /api/chat.postMessage": server.post,
    }
    async with loopback(answers) as running:
        yield running


def slack(here: Loopback, **options: Any) -> Slack:
    return Slack(base_url=f"{here.url}/api", **options)


async def told(tools: Slack, ctx: Context[Any], name: str, **arguments: Any) -> Any:
    return json.loads((await call(tools, name, ctx, **arguments)).content)


async def test_reading(here: Loopback, ctx: Context[Any]) -> None:
    assert await told(slack(here), ctx, "slack_channels") == [
        {"id": "C012AB3CD", "name": "general", "topic": "Company news"},
        {"id": "C061EG9T2", "name": "random", "topic": ""},
    ]
    assert here.asked[0].headers["Authorization"] == "Bearer b0t-token"
    assert [asked.query.get("cursor") for asked in here.asked] == [None, "1"]
    assert len(await told(slack(here), ctx, "slack_channels", words="NEWS")) == 1
    said = await told(slack(here), ctx, "slack_read", channel="#random", count=500)
    assert said == [
        {"ts": "1512085950.000216", "at": "2017-11-30T23:52:30+00:00", "who": "egon", "text": "I find you <punny>"},
        {"ts": "1512085951.000216", "at": "2017-11-30T23:52:31+00:00", "who": "B1", "text": "ping", "replies": 2,
         "thread": "1512085951.000216"},
    ]  # fmt: skip
    history = next(asked for asked in here.asked if "history" in asked.path)
    assert history.query == {"channel": "C061EG9T2", "limit": "100"}
    await told(slack(here), ctx, "slack_read", channel="C061EG9T2", thread="1512085951.000216")
    (replies,) = [asked for asked in here.asked if "replies" in asked.path]
    assert replies.query["ts"] == "1512085951.000216"


async def test_people(here: Loopback, ctx: Context[Any]) -> None:
    (egon,) = await told(slack(here), ctx, "slack_people", words="egon SCIENTIST")
    assert (egon["id"], egon["email"]) == ("W012A3CDE", "egon@example.com")
    assert [each["name"] for each in await told(slack(here), ctx, "slack_people", words="a")] == ["egon", "ada"]


async def test_only_some_channels(here: Loopback, ctx: Context[Any]) -> None:
    some = slack(here, channels=["#general"], write=True)
    assert [each["name"] for each in await told(some, ctx, "slack_channels")] == ["general"]
    await told(some, ctx, "slack_read", channel="C012AB3CD")
    for channel in ("random", "C061EG9T2", "nowhere"):
        with pytest.raises(ToolRetry, match="there is no channel"):
            await call(some, "slack_read", ctx, channel=channel)
        with pytest.raises(ToolRetry, match="there is no channel"):
            await call(some, "slack_post", ctx, channel=channel, text="x")
    assert not [asked for asked in here.asked if asked.method == "POST"]


async def test_posting(here: Loopback, ctx: Context[Any]) -> None:
    assert "slack_post" not in [each.name for each in await slack(here).tools(ctx)]
    posted = await told(slack(here, write=True), ctx, "slack_post", channel="general", text="Hi <!channel>")
    assert posted == {"channel": "C012AB3CD", "ts": "1700000002.000100"}
    (asked,) = [asked for asked in here.asked if asked.method == "POST"]
    assert asked.json["text"] == "Hi &lt;!channel>"
    assert asked.json["metadata"]["event_type"] == "weft_call"
    assert "thread_ts" not in asked.json
    for text, thread in ((" ", ""), ("x" * 40_001, ""), ("x", "C012AB3CD")):
        with pytest.raises(ToolRetry):
            await call(slack(here, write=True), "slack_post", ctx, channel="general", text=text, thread=thread)


async def posted(here: Loopback, path: Path, **options: Any) -> tuple[Any, Any]:
    model = Scripted([asks("slack_post", channel="general", text="It is done."), "Posted."], order="turn")
    agent = Agent("desk", model=model, tools=[slack(here, write=True, **options)])
    async with App(agents=[agent], store=f"sqlite:///{path}/weft.db") as app:
        run = await app.run(agent, "Tell them")
    (result,) = [part for message in run.messages for part in message.tool_results]
    return run, result


@pytest.mark.parametrize("trouble", ["", "reset", "fatal_error"])
async def test_a_message_is_posted_once(trouble: str, server: Server, here: Loopback, tmp_path: Path) -> None:
    """Where the answer does not say whether it was posted, the message is found by its metadata."""
    server.trouble = trouble
    run, result = await posted(here, tmp_path)
    assert (run.output, result.failed) == ("Posted.", False)
    assert json.loads(result.content) == {"channel": "C012AB3CD", "ts": "1700000002.000100"}
    assert [each["text"] for each in server.messages].count("It is done.") == 1
    asked = [each.path.rpartition("/")[2] for each in here.asked]
    assert asked.count("chat.postMessage") == 1
    assert asked.count("conversations.history") == (1 if trouble else 0)


async def test_a_message_that_may_be_too_old_to_be_found_is_asked_about(
    server: Server, here: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it would have been posted before what is looked through, that nothing is found says nothing."""
    monkeypatch.setattr("weft.tools.builtin.slack.LATELY", 60)
    server.trouble = "fatal_error"
    here.answers["GET /api/conversations.history"] = lambda _: {"ok": True, "messages": []}
    model = Scripted([asks("slack_post", channel="general", text="It is done."), "Posted."], order="turn")
    agent = Agent("desk", model=model, tools=[slack(here, write=True)])
    async with App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db") as app:
        run = await app.run(agent, "Tell them")
    (question,) = run.questions
    assert (question.kind, question.payload["tool"]) == ("outcome", "slack_post")
    assert "longer ago than is looked back" in question.payload["question"]
    assert [asked.method for asked in here.asked].count("POST") == 1


async def test_two_messages_of_one_turn(server: Server, here: Loopback, tmp_path: Path) -> None:
    """Each is found for itself, though they say the same."""
    server.trouble = "reset"
    same = asks("slack_post", channel="general", text="Ping")
    agent = Agent("desk", model=Scripted([[same, same], "Done."], order="turn"), tools=[slack(here, write=True)])
    async with App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db") as app:
        run = await app.run(agent, "Ping them twice")
    results = [part for message in run.messages for part in message.tool_results]
    assert sorted(json.loads(part.content)["ts"] for part in results) == ["1700000002.000100", "1700000003.000100"]
    assert len(server.messages) == 4


@pytest.mark.parametrize(
    ("trouble", "error", "words"),
    [
        ("channel_not_found", ToolRetry, "answered channel_not_found"),
        ("missing_scope", ToolFailed, r"missing_scope \(needed: chat:write\)"),
        ("invalid_auth", ToolFailed, "invalid_auth"),
        ("limited", ToolFailed, "wants no more requests for 30 s"),
    ],
)
async def test_what_slack_refuses(
    trouble: str, error: Any, words: str, server: Server, here: Loopback, ctx: Context[Any]
) -> None:
    server.trouble = trouble
    with pytest.raises(error, match=words) as caught:
        await call(slack(here, write=True), "slack_post", ctx, channel="general", text="x")
    assert not isinstance(caught.value, Broke)
    assert "b0t" not in str(caught.value)
    assert len([asked for asked in here.asked if asked.method == "POST"]) == 1


async def test_waits_and_nonsense(here: Loopback, ctx: Context[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [refused(429, {"ok": False, "error": "ratelimited"}, Retry_After="1")]
    known = here.answers["GET /api/conversations.list"]
    here.answers["GET /api/conversations.list"] = lambda asked: answers.pop() if answers else known(asked)
    assert len(await told(slack(here), ctx, "slack_channels")) == 2
    assert here.asked[1].at - here.asked[0].at > 0.9
    for nonsense in ("<html>", "[]", '{"channels": []}'):
        here.answers["GET /api/conversations.list"] = lambda _, said=nonsense: said
        with pytest.raises(ToolFailed, match=r"cannot be read|answered nothing"):
            await call(slack(here), "slack_channels", ctx)
    endless = {"ok": True, "channels": CHANNELS, "response_metadata": {"next_cursor": "1"}}
    here.answers["GET /api/conversations.list"] = endless
    with pytest.raises(ToolFailed, match="more than 100 channels"):
        await call(slack(here), "slack_channels", ctx)
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    with pytest.raises(ToolFailed, match="SLACK_BOT_TOKEN is not set"):
        await call(slack(here), "slack_channels", ctx)
    with pytest.raises(UsageError):
        Slack(token="xoxb-1")
