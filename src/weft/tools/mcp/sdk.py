"""The one door to the ``mcp`` package: a connection as a ``Peer``."""

import asyncio
import base64
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar, cast

import anyio
import httpx2
import mcp_types as types
import msgspec
from mcp import Client, MCPError
from mcp_types import jsonrpc
from pydantic import ValidationError

from weft.engine.context import Interrupted
from weft.errors import ToolFailed
from weft.messages import Json, Media
from weft.tools.base import Returned
from weft.tools.mcp.address import Address
from weft.tools.mcp.oauth import Person
from weft.tools.mcp.peer import Asking, Definition, Forgotten, Lost, Progress, Reply
from weft.tools.mcp.transports import heard, refusal, transport
from weft.tools.vault import Vault

T = TypeVar("T")
_log = logging.getLogger("weft.mcp")

MOST_PAGES = 50
MOST_TOOLS = 2_000
LONGEST = 200_000
"""Characters of a result that are kept; the rest is cut off, and said to be."""
ROUNDS = 10
"""Times that a server may ask back before it has answered a call."""

_GONE = (
    anyio.ClosedResourceError,
    anyio.BrokenResourceError,
    anyio.EndOfStream,
    httpx2.TransportError,
    ConnectionError,
)


@asynccontextmanager
async def connect(address: Address, vault: Vault, person: Person | None = None) -> AsyncGenerator["SdkPeer"]:
    """A connected server; leaving ends the connection, and the process behind it. ``person`` may sign in.

    Raises:
        Exception: whatever the SDK, the network or the process had against it.
    """
    peer = SdkPeer(str(address), address.roots)
    complaints: deque[str] = deque(maxlen=5)

    def ended(why: str) -> None:
        peer.gone(f"{why}; it said: {' / '.join(complaints)}" if complaints else why)

    async with AsyncExitStack() as stack:
        client = Client(
            heard(await transport(address, stack, complaints, vault, person, peer.on_response), ended),
            mode="legacy" if address.era == "2025" else "auto",  # a version by name would not ask what there is
            client_info=types.Implementation(name="weft", version="0"),
            elicitation_callback=peer.on_elicit,
            sampling_callback=peer.on_sample if address.sampling else None,
            list_roots_callback=peer.on_roots if address.roots else None,
            logging_callback=peer.on_log,
            message_handler=peer.on_message,
            cache=None,
        )
        try:
            peer.client = await stack.enter_async_context(client)
        except Exception as error:
            if complaints:
                error.add_note("it said: " + " / ".join(complaints))
            raise
        if address.era == "2026" > client.protocol_version:
            raise ToolFailed(f"it speaks MCP as of {client.protocol_version}, and 2026 was asked for")
        peer.instructions = (client.instructions or "")[:LONGEST]
        following = asyncio.create_task(peer.follow())
        try:
            yield peer
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


class SdkPeer:
    """``Peer`` over a client of the SDK."""

    client: Client

    def __init__(self, name: str, roots: Sequence[str]) -> None:
        self.instructions = ""
        self.changed: Callable[[], None] = lambda: None
        self.gone: Callable[[str], None] = lambda why: None
        self._name, self._roots = name, roots
        self._calls: list[_Call] = []
        self._one_by_one = asyncio.Lock()
        self._forgotten: set[str] = set()
        """With which words the server said that there is no such session."""
        self._asks = False
        """Whether the server was seen to ask back without saying for which call."""

    @property
    def about(self) -> dict[str, Any]:
        info = self.client.server_info
        return {
            "name": info.name if info else self._name,
            "version": info.version if info else "",
            "protocol": self.client.protocol_version,
        }

    @property
    def _legacy(self) -> bool:
        return self.client.protocol_version < "2026"

    async def follow(self) -> None:
        """Hear of other tools, where that is to be asked for: servers of 2026. Those of 2025 tell by themselves."""
        tools = self.client.server_capabilities.tools
        if self._legacy or tools is None or not tools.list_changed:
            return
        try:
            async with self.client.listen(tools_list_changed=True) as heard:
                async for _ in heard:
                    self.changed()
        except Exception as error:  # it is a convenience: without it a list is as old as its connection
            _log.info("%s: not told of changes: %s", self._name, error)

    async def alive(self) -> None:
        """What each era has for that."""
        session = self.client.session
        await self._guarded(
            session.send_ping() if self._legacy else session.send_discover(self.client.protocol_version)
        )

    # What a server offers

    async def tools(self) -> list[Definition]:
        if self.client.server_capabilities.tools is None:
            return []
        found: list[Definition] = []
        async for page in self._pages(lambda cursor: self.client.list_tools(cursor=cursor)):
            found += [_definition(one) for one in page.tools]
            if len(found) > MOST_TOOLS:
                raise ToolFailed(f"{self._name} lists more than {MOST_TOOLS} tools")
        return found

    async def resources(self) -> list[Json]:
        if self.client.server_capabilities.resources is None:
            return []
        pages = self._pages(lambda cursor: self.client.list_resources(cursor=cursor))
        return [_plain(one) async for page in pages for one in page.resources]

    async def read(self, uri: str) -> Returned:
        result = await self._guarded(self.client.read_resource(uri))
        return _returned([types.EmbeddedResource(type="resource", resource=one) for one in result.contents])

    async def prompts(self) -> list[Json]:
        if self.client.server_capabilities.prompts is None:
            return []
        pages = self._pages(lambda cursor: self.client.list_prompts(cursor=cursor))
        return [_plain(one) async for page in pages for one in page.prompts]

    async def prompt(self, name: str, arguments: dict[str, str]) -> list[tuple[str, Returned]]:
        result = await self._guarded(self.client.get_prompt(name, arguments))
        return [(one.role, _returned([one.content])) for one in result.messages]

    async def complete(self, ref: Json, argument: dict[str, str], given: dict[str, str]) -> list[str]:
        kind = types.PromptReference if ref.get("type") == "ref/prompt" else types.ResourceTemplateReference
        done = await self._guarded(self.client.complete(kind.model_validate(ref), argument, given or None))
        return list(done.completion.values)

    async def _pages(self, get: Callable[[str | None], Awaitable[T]]) -> AsyncGenerator[T]:
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._guarded(get(cursor))
            yield page
            cursor = cast("Any", page).next_cursor
            if cursor is None:
                return
        raise ToolFailed(f"{self._name} has more than {MOST_PAGES} pages of a list")

    # A call

    async def call(self, name: str, arguments: Json, asking: Asking, progress: Progress) -> Returned:
        call = _Call(asking)
        if self._legacy and self._asks:
            async with self._one_by_one:
                return await self._call(name, arguments, call, progress)
        return await self._call(name, arguments, call, progress)

    async def _call(self, name: str, arguments: Json, call: "_Call", progress: Progress) -> Returned:
        async def send(responses: Any, state: str | None) -> Any:
            return await self._guarded(
                self.client.session.call_tool(
                    name,
                    arguments,
                    progress_callback=_told(progress),
                    input_responses=responses,
                    request_state=state,
                    allow_input_required=True,
                )
            )

        self._calls.append(call)
        try:
            result = await send(None, None)
            for _ in range(ROUNDS):
                if not isinstance(result, types.InputRequiredResult):
                    break
                requests = result.input_requests or {}
                answers = {key: await self._answer(call.asking, request) for key, request in requests.items()}
                result = await send(answers, result.request_state)
        finally:
            self._calls.remove(call)
            if call.interrupted is not None:
                raise call.interrupted
        if not isinstance(result, types.CallToolResult):
            raise ToolFailed(f"{self._name} asked back more than {ROUNDS} times")
        given = _returned(result.content, result.structured_content)
        if result.is_error:
            raise ToolFailed(given.content or "it failed without a word")
        return given

    async def _answer(self, asking: Asking, request: Any) -> Any:
        if isinstance(request, types.ElicitRequest):
            return await _elicited(asking, request.params)
        if isinstance(request, types.CreateMessageRequest):
            return await _sampled(asking, request.params)
        if isinstance(request, types.ListRootsRequest):
            return await self.on_roots(None)
        raise ToolFailed(f"{self._name} asked for something unknown: {type(request).__name__}")

    async def _guarded(self, call: Awaitable[T]) -> T:
        """Every way in which a server can fail, as one of two errors."""
        try:
            return await call
        except MCPError as error:
            if error.message in self._forgotten:  # of this request: what broke off meanwhile may have been done
                raise Forgotten("it knows our session no more") from error
            if error.code in (types.CONNECTION_CLOSED, types.REQUEST_TIMEOUT):
                raise Lost(str(error)) from error
            raise ToolFailed(f"{self._name}: {error.message[:2000]}") from error
        except ValidationError as error:
            raise ToolFailed(f"{self._name} answered with nonsense: {error.error_count()} fields are wrong") from error
        except (*_GONE, RuntimeError) as error:
            raise Lost(f"{type(error).__name__}: {error}") from error

    # What a server asks or tells by itself

    async def on_response(self, response: httpx2.Response) -> None:
        """404 to a request of a session: a new one is to be begun (specification 2025-11-25, "Session Management")."""
        asked = response.request
        if response.status_code == 404 and asked.method == "POST" and "mcp-session-id" in asked.headers:
            self._forgotten.add(refusal(await response.aread()))

    async def on_elicit(self, context: Any, params: Any) -> Any:
        call = self._only_call()
        if call is None:
            return types.ElicitResult(action="cancel")
        try:
            return await _elicited(call.asking, params)
        except Interrupted as interrupted:  # the call is given up, and made again when there is an answer
            call.interrupted = interrupted
            return types.ElicitResult(action="cancel")

    async def on_sample(self, context: Any, params: Any) -> Any:
        call = self._only_call()
        if call is None:
            return types.ErrorData(code=jsonrpc.INVALID_REQUEST, message="no call is under way that this belongs to")
        try:
            return await _sampled(call.asking, params)
        except ToolFailed as error:
            return types.ErrorData(code=jsonrpc.INVALID_REQUEST, message=str(error))
        except Interrupted as interrupted:
            call.interrupted = interrupted
            return types.ErrorData(code=jsonrpc.INVALID_REQUEST, message="a person is asked first")

    def _only_call(self) -> "_Call | None":
        """The call for which a server of 2025 asks: it does not say. From now on they are made one by one."""
        self._asks = True
        return self._calls[0] if len(self._calls) == 1 else None

    async def on_roots(self, context: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root.model_validate({"uri": uri}) for uri in self._roots])

    async def on_log(self, params: types.LoggingMessageNotificationParams) -> None:
        _log.log(_LEVELS.get(params.level, logging.INFO), "%s: %s", self._name, str(params.data)[:2000])

    async def on_message(self, message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self.changed()


def _told(tell: Progress) -> Any:
    async def told(progress: float, total: float | None, message: str | None) -> None:
        tell(progress, total, message)

    return told


class _Call:
    """One that is under way."""

    def __init__(self, asking: Asking) -> None:
        self.asking = asking
        self.interrupted: Interrupted | None = None


_LEVELS = {
    "debug": logging.DEBUG,
    "notice": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "alert": logging.CRITICAL,
    "emergency": logging.CRITICAL,
}


async def _elicited(asking: Asking, params: Any) -> types.ElicitResult:
    url = getattr(params, "url", None)
    schema = None if url is not None else _plain(params.requested_schema)
    reply: Reply = await asking.elicit(params.message, schema, url)
    return types.ElicitResult(action=reply.action, content=reply.content if reply.action == "accept" else None)


async def _sampled(asking: Asking, params: Any) -> types.CreateMessageResult:
    return types.CreateMessageResult.model_validate(await asking.sample(_plain(params)))


def _definition(tool: types.Tool) -> Definition:
    hints = tool.annotations
    return Definition(
        name=tool.name,
        description=(tool.description or tool.title or tool.name)[:4000],
        parameters=tool.input_schema,
        read_only=bool(hints and hints.read_only_hint),
        idempotent=bool(hints and hints.idempotent_hint),
    )


def _returned(blocks: Sequence[Any], structured: Any = None) -> Returned:
    """Words, and pictures, sounds and files beside them."""
    words: list[str] = []
    media: list[Media] = []
    for block in blocks:
        if isinstance(block, types.TextContent):
            words.append(block.text)
        elif isinstance(block, types.ImageContent | types.AudioContent):
            media.append(_media(block.mime_type, block.data))
            words.append(f"[{block.mime_type}]")
        elif isinstance(block, types.ResourceLink):
            words.append(f"[{block.name}: {block.uri}]")
        elif isinstance(block, types.EmbeddedResource):
            _embedded(block.resource, words, media)
        else:
            words.append(f"[{type(block).__name__}]")
    if not words and structured is not None:
        words.append(_json(structured))
    text = "\n".join(words).encode(errors="replace").decode()
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}\n[cut off: {len(text)} characters]"
    return Returned(content=text, media=tuple(media))


def _embedded(resource: Any, words: list[str], media: list[Media]) -> None:
    if isinstance(resource, types.TextResourceContents):
        words.append(resource.text)
        return
    mime = resource.mime_type or "application/octet-stream"
    media.append(_media(mime, resource.blob, str(resource.uri)))
    words.append(f"[{mime}: {resource.uri}]")


def _media(mime: str, data: str, name: str | None = None) -> Media:
    try:
        return Media(mime=mime, data=base64.b64decode(data, validate=True), name=name)
    except ValueError:
        raise ToolFailed(f"the server sent {mime} that is not base64") from None


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _plain(model: Any) -> Json:
    """What is a model of the SDK, or a dict already."""
    dump = getattr(model, "model_dump", None)
    return model if dump is None else dump(mode="json", by_alias=True, exclude_none=True)
