"""Results too long for a model: the whole is kept as a blob, the model sees its ends, and reads on page by page."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from weft.engine.context import Context
from weft.errors import NotFound, ToolRetry
from weft.messages import Json, Message, ToolSpec
from weft.storage.base import Scope, Store
from weft.tools.base import Returned, Tool

LONGEST = 60_000
"""Characters of a tool's result that reach the thread and the model: some 15,000 tokens."""
LONG = 5_000
"""Estimated tokens of a message below which no result in it can have been cut."""
PAGE = 20_000
"""Characters that are read at once, at most."""
MOST = 50_000_000
"""Characters of a result that are kept; what is beyond is lost."""

NAME = "read_result"
_MIME = "text/plain; charset=utf-8"
_MARK = re.compile(r"characters left out: read_result\(id=\"([0-9a-f]{64})\"")
_loose: OrderedDict[str, str] = OrderedDict()
"""Where there is no store: the last few long results of this process."""
_FEW = 20


async def kept(content: str, ctx: Context[Any]) -> str:
    """The result as a model sees it: beyond ``LONGEST`` its middle is left out, and it says how to read it."""
    if len(content) <= LONGEST:
        return content
    content = content[:MOST]
    id = await _put(content, ctx)
    half = LONGEST // 2
    left_out = f"{len(content) - 2 * half:,} of {len(content):,} characters left out"
    return f'{content[:half]}\n[... {left_out}: {NAME}(id="{id}", start={half}) ...]\n{content[-half:]}'


def cut(said: Iterable[Message]) -> bool:
    """Whether a result in these messages was cut, so that a model may want to read on."""
    results = (result for message in said for result in message.tool_results)
    return any(_MARK.search(result.content) for result in results if len(result.content) > LONGEST)


async def _put(content: str, ctx: Context[Any]) -> str:
    store: Store | None = ctx.run.store
    body = content.encode()
    if store is not None:
        return await store.blobs.put(Scope(ctx.run.workspace, ctx.run.user_id), body, _MIME, thread=ctx.run.thread_id)
    id = hashlib.sha256(body).hexdigest()
    _loose[id] = content
    if len(_loose) > _FEW:
        _loose.popitem(last=False)
    return id


async def _get(id: str, ctx: Context[Any]) -> str:
    store: Store | None = ctx.run.store
    try:
        if store is None:
            return _loose[id]
        body, mime = await store.blobs.get(Scope(ctx.run.workspace, ctx.run.user_id), id)
    except (NotFound, KeyError):
        body, mime = b"", ""
    if mime != _MIME:
        raise ToolRetry(f"there is no result {id!r}: give the id as it stands where characters were left out")
    return body.decode()


async def _read(arguments: Json, ctx: Context[Any]) -> Returned:
    id, start, find = arguments.get("id"), arguments.get("start", 0), arguments.get("find")
    if not isinstance(id, str) or not isinstance(start, int) or not isinstance(find, str | None):
        raise ToolRetry("Wrong arguments:\n- wanted id (string), start (integer, optional), find (string, optional)")
    text = await _get(id, ctx)
    if find:
        return Returned(content=_found(text, find, start))
    start = max(0, min(start, len(text)))
    page = text[start : start + PAGE]
    end = start + len(page)
    more = f"go on with start={end}" if end < len(text) else "that is the end"
    return Returned(content=f"[characters {start} to {end} of {len(text)}; {more}]\n{page}")


def _found(text: str, find: str, start: int, most: int = 10, around: int = 150) -> str:
    places = [match.start() for match in re.finditer(re.escape(find), text[start:], re.IGNORECASE)]
    if not places:
        return f"{find!r} is not in it after character {start}."
    lines = [f"{len(places)} places" + (f", the first {most}:" if len(places) > most else ":")]
    for place in places[:most]:
        at = start + place
        shown = text[max(0, at - around) : at + len(find) + around].replace("\n", " ")
        lines.append(f"- at {at}: …{shown}…")
    return "\n".join(lines)


READ = Tool(
    spec=ToolSpec(
        name=NAME,
        description=f"Read on in a tool's result of which characters were left out: up to {PAGE:,} characters from "
        "start on, or the places where some words stand.",
        parameters={
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "As it stands where characters were left out."},
                "start": {"type": "integer", "minimum": 0, "default": 0},
                "find": {"type": "string", "description": "Words to look for, instead of a page."},
            },
            "required": ["id"],
            "additionalProperties": False,
        },
    ),
    call=_read,
    effect="read",
)
"""The reading tool; an agent is offered it once a result was cut."""
