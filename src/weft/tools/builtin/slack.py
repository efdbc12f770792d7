"""``Slack``: read channels, find people, and post messages, over its Web API."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry
from weft.messages import Json
from weft.tools.base import Approval, Tool
from weft.tools.builtin.api import Api, Token, clean, inner, lookback, mark_of, reads
from weft.tools.function import tool
from weft.tools.run import Broke

_CHANNEL = re.compile(r"[CGD][A-Z0-9]{6,}")
_STAMP = re.compile(r"\d{9,11}\.\d{6}")
_UNKNOWN = ("fatal_error", "internal_error", "service_unavailable", "request_timeout", "team_added_to_org")
"""Errors after which a message may have been posted all the same."""
_MINE = ("not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "missing_scope",
         "no_permission", "ratelimited", "access_denied", "org_login_required", "ekm_access_denied")  # fmt: skip
"""Errors that a model cannot mend by other arguments."""
_LONGEST = 40_000
"""Characters of a message; Slack cuts off what is longer."""
EVENT = "weft_call"
"""The kind of the metadata by which a message is found again that was posted, or was not."""
_PAGES = 50
"""Pages of channels, people or messages that are looked through."""
LATELY = 30 * 86_400
"""Seconds that it is looked back at most for a message that was posted, or was not; a person is asked beyond."""


class Message(Struct, frozen=True, omit_defaults=True):
    """What somebody said."""

    ts: str
    """Slack's name for it."""
    at: str
    who: str
    text: str
    replies: int = 0
    thread: str = ""


class Person(Struct, frozen=True, omit_defaults=True):
    """A member of the workspace."""

    id: str
    name: str
    real_name: str = ""
    title: str = ""
    email: str = ""


class Slack:
    """``slack_channels``, ``slack_read`` and ``slack_people``; with ``write`` also ``slack_post``.

    ``token`` is ``secret:NAME``, ``os.environ/NAME`` (else ``SLACK_BOT_TOKEN``) or a function of the context. It
    may: ``channels:read``, ``groups:read``, ``channels:history``, ``groups:history``, ``users:read``, ``chat:write``.
    ``channels`` are those that may be read and written, by name or id; else all that the token may see.
    """

    def __init__(
        self,
        *,
        token: Token = "os.environ/SLACK_BOT_TOKEN",
        base_url: str = "https://slack.com/api",
        channels: Sequence[str] = (),
        write: bool = False,
        approval: Approval = False,
        seconds: float = 20.0,
    ) -> None:
        self._api = Api("Slack", base_url, token=token, seconds=seconds)
        self._only = frozenset(each.lstrip("#") for each in channels)
        self._write, self._approval = write, approval
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"Slack({self._api.base!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            timeout = 3 * self._api.timeout
            self._made = reads(timeout, self.slack_channels, self.slack_read, self.slack_people)
            if self._write:
                told: Any = {"effect": "once", "approval": self._approval, "timeout": timeout}
                self._made.append(tool(self.slack_post, reconcile=self._posted, **told).tool)
        return self._made

    async def slack_channels(self, ctx: Context[Any], words: str = "") -> list[Json]:
        """The channels of the Slack workspace, by name, with their topics.

        Args:
            words: Only channels with this in their name or topic.
        """
        found: list[Json] = []
        for each in await self._channels(ctx):
            told = {"id": each["id"], "name": each.get("name", ""), "topic": inner(each, "topic").get("value", "")}
            if words.lower() in f"{told['name']} {told['topic']}".lower():
                found.append(told)
        return found

    async def slack_read(
        self, channel: str, ctx: Context[Any], thread: str = "", before: str = "", count: int = 30
    ) -> list[Message]:
        """The last messages of a Slack channel, or of a thread in it, the oldest first.

        Args:
            channel: Name or id.
            thread: The ts of the message that the thread hangs on; nothing for the channel itself.
            before: Only messages before this ts, to see older ones.
            count: How many at most, up to 100.
        """
        id = await self._id(channel, ctx)
        asked: Json = {"channel": id, "limit": max(1, min(count, 100))} | ({"latest": before} if before else {})
        method = "conversations.history"
        if thread:
            method, asked = "conversations.replies", asked | {"ts": thread}
        messages: list[Json] = (await self._get(method, asked, ctx)).get("messages", [])
        names = await self._names({str(each["user"]) for each in messages if each.get("user")}, ctx)
        ordered = sorted(messages, key=lambda each: str(each.get("ts", "")))
        return [_message(each, names) for each in ordered]

    async def slack_people(self, words: str, ctx: Context[Any]) -> list[Person]:
        """Find members of the Slack workspace by name, title or e-mail address.

        Args:
            words: What their name, title or address has in it.
        """
        wanted, found = words.lower().split(), list[Person]()
        for each in await self._all("users.list", "members", {"limit": 200}, ctx):
            person = _person(each)
            if not each.get("deleted") and all(word in " ".join(_strings(person)).lower() for word in wanted):
                found.append(person)
        return found[:50]

    async def slack_post(self, channel: str, text: str, ctx: Context[Any], thread: str = "") -> Json:
        """Post a message to a Slack channel.

        Args:
            channel: Name or id.
            text: In Slack's own Markdown: *bold*, _italic_, <https://example.com|a link>.
            thread: The ts of a message to answer in its thread; nothing for the channel itself.
        """
        if not text.strip() or len(text) > _LONGEST:
            raise ToolRetry(f"a message has some words, and no more than {_LONGEST:,} characters")
        if thread and not _STAMP.fullmatch(thread):
            raise ToolRetry(f"{thread!r} is no ts of a message: they are like 1503435956.000247")
        id = await self._id(channel, ctx)
        told: Json = {"channel": id, "text": text.replace("<!", "&lt;!")}  # nobody calls all members of a channel
        told |= {"metadata": {"event_type": EVENT, "event_payload": {"call": mark_of(ctx)}}}
        told |= {"thread_ts": thread} if thread else {}
        answer = _said(await self._api.write("/chat.postMessage", told, dict[str, Any], ctx=ctx))
        return {"channel": answer.get("channel", id), "ts": answer.get("ts", "")}

    async def _posted(self, ctx: Context[Any], arguments: Json) -> Any:
        """The message that a call posted of which nobody knows how it ended."""
        id = await self._id(arguments["channel"], ctx)
        method = "conversations.replies" if arguments.get("thread") else "conversations.history"
        back = await lookback(ctx, LATELY)
        asked: Json = {"channel": id, "limit": 100, "include_all_metadata": "true", "oldest": int(back.since)}
        asked |= {"ts": arguments["thread"]} if arguments.get("thread") else {}
        for each in await self._all(method, "messages", asked, ctx):
            said = inner(each, "metadata")
            if said.get("event_type") == EVENT and inner(said, "event_payload").get("call") == mark_of(ctx):
                return {"channel": id, "ts": each.get("ts", "")}
        return back.nothing()

    async def _id(self, channel: str, ctx: Context[Any]) -> str:
        name = channel.strip().lstrip("#")
        if _CHANNEL.fullmatch(name) and (not self._only or name in self._only):
            return name
        for each in await self._channels(ctx):
            if name in (each.get("name"), each["id"]):
                return str(each["id"])
        raise ToolRetry(f"there is no channel {channel!r} that I may see")

    async def _channels(self, ctx: Context[Any]) -> list[Json]:
        asked = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": 200}
        found = await self._all("conversations.list", "channels", asked, ctx)
        return [each for each in found if not self._only or {each.get("name"), each.get("id")} & self._only]

    async def _names(self, ids: set[str], ctx: Context[Any]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for id in sorted(ids)[:20]:
            try:
                found[id] = _person(inner(await self._get("users.info", {"user": id}, ctx), "user")).name
            except ToolRetry:
                found[id] = id
        return found

    async def _all(self, method: str, what: str, asked: Json, ctx: Context[Any]) -> list[Json]:
        """All pages of a list, by its cursor."""
        found: list[Json] = []
        cursor = ""
        for _ in range(_PAGES):
            answer = await self._get(method, asked | ({"cursor": cursor} if cursor else {}), ctx)
            found += [each for each in answer.get(what, []) if isinstance(each, dict)]
            cursor = str(inner(answer, "response_metadata").get("next_cursor") or "")
            if not cursor:
                return found
        raise ToolFailed(f"there are more than {len(found):,} {what}: too many to look through")

    async def _get(self, method: str, asked: Json, ctx: Context[Any]) -> Json:
        return _said(self._api.decoded(await self._api.read(f"/{method}", asked, ctx=ctx), dict[str, Any]))


def _said(answer: Json) -> Json:
    """What Slack answers, where it did what it was asked.

    Raises: ToolRetry, ToolFailed (it did not, and says why), Broke (nobody knows whether it did).
    """
    if answer.get("ok") is True:
        return answer
    code = clean(str(answer.get("error", "nothing")), "")[:100]
    words = f"Slack answered {code}" + (f" (needed: {answer['needed']})" if answer.get("needed") else "")
    if code in _UNKNOWN or "error" not in answer:
        raise Broke(words)
    raise ToolFailed(words) if code in _MINE else ToolRetry(words)


def _message(told: Json, names: Mapping[str, str]) -> Message:
    user = str(told.get("user") or "")
    ts = str(told.get("ts", ""))
    return Message(
        ts=ts,
        at=datetime.fromtimestamp(float(ts), UTC).isoformat(timespec="seconds") if _STAMP.fullmatch(ts) else "",
        who=names.get(user) or user or str(told.get("username") or told.get("bot_id") or "?"),
        text=str(told.get("text", "")),
        replies=int(told.get("reply_count") or 0),
        thread=str(told.get("thread_ts") or ""),
    )


def _person(told: Json) -> Person:
    profile = inner(told, "profile")
    return Person(
        id=str(told.get("id", "")),
        name=str(profile.get("display_name") or told.get("name") or told.get("id", "")),
        real_name=str(told.get("real_name") or profile.get("real_name") or ""),
        title=str(profile.get("title") or ""),
        email=str(profile.get("email") or ""),
    )


def _strings(person: Person) -> list[str]:
    return [str(value) for value in msgspec.structs.astuple(person)[1:]]
