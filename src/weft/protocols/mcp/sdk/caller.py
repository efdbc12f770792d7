"""``runs.Caller`` over a request of the SDK: what the client can do, what it is asked, what it is told."""

import logging
from typing import Any, TypeAlias, cast

import mcp_types as types
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.shared.message import ServerMessageMetadata

from weft.messages import Json
from weft.protocols.mcp.asking import Need, Wish
from weft.protocols.mcp.telling import Log, Progress
from weft.storage.base import Scope

Request: TypeAlias = "ServerRequestContext[Any, Any]"
_log = logging.getLogger("weft.mcp")

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")

_REQUESTS: dict[str, tuple[Any, Any]] = {
    "elicitation/create": (types.ElicitRequest, types.ElicitResult),
    "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
    "roots/list": (types.ListRootsRequest, types.ListRootsResult),
}


class Client:
    """The client behind one request; ``level`` is the least that it wants of the log."""

    def __init__(self, ctx: Request, scope: Scope, level: str) -> None:
        self._ctx, self.scope, self._level = ctx, scope, level
        self.later = ctx.protocol_version >= "2026"
        self.can = _abilities(ctx.session.client_capabilities)

    async def ask(self, wish: Wish) -> Json | None:
        request, result = _REQUESTS[wish.method]
        related = ServerMessageMetadata(related_request_id=self._ctx.request_id)
        try:
            given = await self._ctx.session.send_request(_filled(request, wish), result, metadata=related)
        except MCPError as error:
            _log.info("the client refused %s: %s", wish.method, error)
            return None if wish.method == "elicitation/create" else {"error": str(error)}
        return plain(given)

    async def tell(self, told: Progress | Log) -> None:
        if isinstance(told, Progress):
            await self._ctx.session.report_progress(told.done, told.total, told.message)
        elif told.level in LEVELS and LEVELS.index(told.level) >= LEVELS.index(self._level):
            await self._ctx.session.send_log_message(  # pyright: ignore[reportDeprecated]  # clients of 2025 have it
                cast("Any", told.level), told.data, told.logger, related_request_id=self._ctx.request_id
            )


def asked(wishes: "list[Wish]") -> dict[str, Any]:
    """The same for a client of 2026, which is asked in the result of its own request."""
    return {wish.key: _filled(_REQUESTS[wish.method][0], wish) for wish in wishes}


def lacking(needs: Need) -> Json:
    """What a client would have to be able to do."""
    named: Json = {"elicitation": {needs: {}}} if needs in ("form", "url") else {needs: {}}
    return {"requiredCapabilities": named}


def plain(model: Any) -> Json:
    """A value of the SDK as JSON has it."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _filled(request: Any, wish: Wish) -> Any:
    return request.model_validate({"method": wish.method, "params": wish.params or None})


def _abilities(given: types.ClientCapabilities | None) -> frozenset[Need]:
    if given is None:
        return frozenset()
    can = set[Need]()
    if given.sampling is not None:
        can.add("sampling")
    if given.roots is not None:
        can.add("roots")
    if (asks := given.elicitation) is not None:
        if asks.form is not None or asks.url is None:  # a client that names no mode fills in forms
            can.add("form")
        if asks.url is not None:
            can.add("url")
    return frozenset(can)
