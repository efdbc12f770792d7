"""Any LangGraph store as the notebook of a Weft agent: tools that put, search and forget in one namespace."""

import json
from collections.abc import Sequence
from typing import Any, Protocol

from weft.engine.context import Context
from weft.ids import same_id
from weft.tools.base import Tool
from weft.tools.function import as_tool, tool


class Items(Protocol):
    """What is used of a store: LangGraph's ``BaseStore`` has it, and so have those here."""

    async def aget(self, namespace: tuple[str, ...], key: str) -> Any: ...

    async def aput(self, namespace: tuple[str, ...], key: str, value: dict[str, Any]) -> None: ...

    async def asearch(self, namespace_prefix: tuple[str, ...], /, *, query: str | None = None, limit: int = 10) -> Any:
        """Items with a ``key`` and a ``value``, best first."""
        ...

    async def adelete(self, namespace: tuple[str, ...], key: str) -> None: ...


def store_tools(
    store: Items, namespace: Sequence[str] = ("memories", "{user}"), *, field: str = "content"
) -> list[Tool]:
    """``keep_item``, ``search_items`` and ``forget_item``, for ``Agent(tools=...)``.

    Args:
        namespace: Where they work; ``{user}``, ``{workspace}``, ``{agent}`` and ``{thread}`` are those of the run
            (with ``%2E`` for a dot, which LangGraph does not take).
        field: Under which the text is kept in a value; langmem's is ``content``.
    """

    def place(ctx: Context[Any]) -> tuple[str, ...]:
        run: Any = ctx.run
        told: dict[str, str] = {
            "user": run.user_id,
            "workspace": run.workspace,
            "agent": run.target,
            "thread": run.thread_id,
        }
        names = {name: value.replace("%", "%25").replace(".", "%2E") for name, value in told.items()}
        return tuple([part.format(**names) for part in namespace])

    @tool(effect="idempotent")
    async def keep_item(ctx: Context[Any], text: str, key: str = "") -> str:
        """Keep a note for later, or put a better one in the place of another.

        Args:
            text: A whole sentence that can be understood by itself.
            key: Of the note that it replaces, as search_items says it; nothing for a new one.
        """
        at = key or same_id("item", ctx.run.id, text)
        await store.aput(place(ctx), at, {field: text})
        return f"Kept as {at}."

    @tool(effect="read")
    async def search_items(ctx: Context[Any], query: str, limit: int = 10) -> str:
        """Search the notes that were kept.

        Args:
            query: What it is about, in a few words.
            limit: At most so many, 50 or fewer.
        """
        found = await store.asearch(place(ctx), query=query, limit=max(1, min(limit, 50)))
        return "\n".join([f"{one.key}: {_told(one.value, field)}" for one in found]) or "There are no notes."

    @tool(effect="idempotent")
    async def forget_item(ctx: Context[Any], key: str) -> str:
        """Forget a note, because it is wrong or the user wants it.

        Args:
            key: As search_items says it.
        """
        if await store.aget(place(ctx), key) is None:
            return f"There is no note {key!r}."
        await store.adelete(place(ctx), key)
        return "Forgotten."

    return [as_tool(each) for each in (keep_item, search_items, forget_item)]


def _told(value: dict[str, Any], field: str) -> str:
    text = value.get(field)
    return text if isinstance(text, str) else json.dumps(value, ensure_ascii=False, default=str)
