"""What is offered, as handlers of the SDK's low-level server."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any, cast

import anyio
import mcp_types as types
import msgspec
from mcp import MCPError
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp.server.transport_security import TransportSecuritySettings

from weft.errors import AnswerInvalid, ToolError, UsageError, WeftError
from weft.messages import Json
from weft.protocols.mcp.asking import ANSWER
from weft.protocols.mcp.offer import Completions, Offer, Reader
from weft.protocols.mcp.runs import CannotAsk, Outcome, Runs, Wanted
from weft.protocols.mcp.schemas import answer_schema, input_of, target_schema
from weft.protocols.mcp.sdk.caller import Client, Request, asked, lacking, plain
from weft.protocols.mcp.sdk.content import block, described, read, result
from weft.storage.base import Scope
from weft.tools.function import as_tool

SCOPE = "weft.scope"
"""Where in an ASGI scope the door finds whose request it is."""
FRESH = 60_000
"""Milliseconds for which a client may keep our lists."""
MOST_SESSIONS = 10_000
"""Of which a level of logging is remembered."""


class Door:
    """The SDK's server for one offer. ``owner`` is whose the calls are that no request says, as over stdio."""

    def __init__(
        self,
        offer: Offer,
        runs: Runs,
        owner: Scope,
        *,
        name: str,
        version: str,
        instructions: str,
        key: bytes | None,
    ) -> None:
        self._offer, self._runs, self._owner = offer, runs, owner
        self._bus = InMemorySubscriptionBus()
        self._watched: dict[str, dict[str, Any]] = {}
        self._levels: dict[str, str] = {}
        self._listen = ListenHandler(self._bus)
        lists = ("tools/list", "prompts/list", "resources/list", "resources/templates/list", "server/discover")
        self.server: Server[Any] = Server(
            name,
            version=version,
            instructions=instructions or None,
            cache_hints={cast("Any", method): CacheHint(ttl_ms=FRESH, scope="private") for method in lists},
            get_tool_input_schema=self._schema,
            on_list_tools=self._tools,
            on_call_tool=self._call,
            on_list_resources=self._resources,
            on_list_resource_templates=self._templates,
            on_read_resource=self._read,
            on_subscribe_resource=self._subscribe,
            on_unsubscribe_resource=self._unsubscribe,
            on_subscriptions_listen=self._listen,
            on_list_prompts=self._prompts,
            on_get_prompt=self._prompt,
            on_completion=self._complete,
        )
        self.server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, self._level)
        keys = RequestStateSecurity.ephemeral() if key is None else RequestStateSecurity(keys=[key])
        self.server.middleware.append(RequestStateBoundary(keys, default_audience=name))

    # How it is reached

    async def stdio(self) -> None:
        """Serve this process's standard input and output until the client goes."""
        async with stdio_server() as (read, write):
            await self.server.run(read, write, self.server.create_initialization_options())

    @asynccontextmanager
    async def http(self, hosts: "tuple[str, ...] | None", origins: tuple[str, ...]) -> AsyncGenerator[Any]:
        """An ASGI application. ``hosts`` it answers to, each with any port; ``None`` where another looks after that."""
        manager = StreamableHTTPSessionManager(self.server, security_settings=_guard(hosts, origins))
        async with manager.run():
            yield AuthContextMiddleware(manager.handle_request)
            self._listen.close()

    async def changed(self, what: str, uri: str = "") -> None:
        """Tell who listens that a list, or a resource, is another one now."""
        events = {"tools": ToolsListChanged, "prompts": PromptsListChanged, "resources": ResourcesListChanged}
        if what in events:
            await self._bus.publish(events[what]())
            return
        await self._bus.publish(ResourceUpdated(uri=uri))
        watching = self._watched.get(uri, {})
        for id, session in list(watching.items()):
            try:
                await session.send_resource_updated(uri)
            except (MCPError, OSError, anyio.ClosedResourceError, anyio.BrokenResourceError):
                watching.pop(id, None)

    # Tools

    def _schema(self, name: str) -> Mapping[str, Any] | None:
        if (tool := self._offer.tools.get(name)) is not None:
            return tool.spec.parameters
        target = self._offer.targets.get(name)
        if target is not None:
            return target_schema(target)
        return answer_schema() if name == ANSWER else None

    async def _tools(self, ctx: Request, params: Any) -> types.ListToolsResult:
        found = await asyncio.to_thread(self._all)
        return types.ListToolsResult(tools=found)

    def _all(self) -> list[types.Tool]:
        listed: list[types.Tool] = []
        for name, target in self._offer.targets.items():
            doc: Any = getattr(target, "description", "") or (target.__doc__ or "").strip().partition("\n")[0]
            listed.append(types.Tool(name=name, description=str(doc), input_schema=target_schema(target)))
        for tool in map(as_tool, self._offer.tools.values()):
            hints = types.ToolAnnotations(
                read_only_hint=tool.effect == "read",
                idempotent_hint=tool.effect != "once",
                destructive_hint=tool.effect == "once",
            )
            listed.append(
                types.Tool(
                    name=tool.name,
                    description=tool.spec.description,
                    input_schema=tool.spec.parameters,
                    annotations=hints,
                )
            )
        words = "Hand on a person's answers to what a run asks."
        return [*listed, types.Tool(name=ANSWER, description=words, input_schema=answer_schema())]

    async def _call(
        self, ctx: Request, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        name, given = params.name, params.arguments or {}
        if name in self._offer.tools:
            made = await self._run(ctx, params, f"tool:{name}", given)
        elif name in self._offer.targets:
            try:
                input, thread = input_of(self._offer.targets[name], given)
            except UsageError as error:
                return result(Outcome(text=str(error), failed=True))
            made = await self._run(ctx, params, name, input, thread)
        elif name == ANSWER:
            made = await self._handed_on(ctx, given)
        else:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {name}")
        return made if isinstance(made, types.InputRequiredResult) else result(made)

    async def _handed_on(self, ctx: Request, given: Json) -> Outcome | types.InputRequiredResult:
        caller = self._caller(ctx)
        run_id, answers = given.get("run_id"), given.get("answers")
        if not isinstance(run_id, str) or not isinstance(answers, dict):
            return Outcome(text="give run_id, and answers by the ids of their questions", failed=True)
        try:
            await self._runs.hand_on(caller.scope, run_id, cast("Json", answers))
            made = await self._runs.converse(run_id, caller)
        except WeftError as error:
            return Outcome(text=str(error), failed=True)
        return _input(made) if isinstance(made, Wanted) else made

    async def _run(
        self, ctx: Request, params: types.InputResponseRequestParams, target: str, input: Any, thread: str | None = None
    ) -> Outcome | types.InputRequiredResult:
        """Begin a run, or go on with the one for which the client was asked; cancelled with the request."""
        caller = self._caller(ctx)
        run_id, refused = "", frozenset[str]()
        try:
            with anyio.CancelScope(shield=True):  # a run that has begun is known, so that it can be ended
                run_id, refused = await self._begun(params, target, input, caller.scope, thread)
        except AnswerInvalid as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from error
        except WeftError as error:
            return Outcome(text=str(error), failed=True)
        try:
            made = await self._runs.converse(run_id, caller, refused)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._runs.abandon(caller.scope, run_id)
            raise
        except CannotAsk as error:
            await self._runs.abandon(caller.scope, run_id)
            raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, str(error), lacking(error.needs)) from error
        except AnswerInvalid as error:
            return Outcome(text=str(error), failed=True, run_id=run_id)
        return _input(made) if isinstance(made, Wanted) else made

    async def _begun(
        self, params: types.InputResponseRequestParams, target: str, input: Any, scope: Scope, thread: str | None
    ) -> tuple[str, frozenset[str]]:
        """A run, and which of its questions its client refuses to answer."""
        if params.request_state is None:
            return await self._runs.begin(target, input, scope, thread), frozenset()
        state = json.loads(params.request_state)
        refused = await self._runs.take(scope, state["run"], _responses(params.input_responses))
        return state["run"], refused.union(state["refused"])

    def _scope(self, ctx: Request) -> Scope:
        """Whose request it is."""
        return self._owner if ctx.request is None else ctx.request.scope.get(SCOPE, self._owner)

    def _caller(self, ctx: Request) -> Client:
        return Client(ctx, self._scope(ctx), self._levels.get(_session(ctx), "debug"))

    # Resources

    async def _resources(self, ctx: Request, params: Any) -> types.ListResourcesResult:
        plain = [one for one in self._offer.resources if not one.template]
        return types.ListResourcesResult(
            resources=[
                types.Resource(uri=one.uri, name=one.name, description=one.description or None, mime_type=one.mime)
                for one in plain
            ]
        )

    async def _templates(self, ctx: Request, params: Any) -> types.ListResourceTemplatesResult:
        made = [one for one in self._offer.resources if one.template]
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    uri_template=one.uri, name=one.name, description=one.description or None, mime_type=one.mime
                )
                for one in made
            ]
        )

    async def _read(self, ctx: Request, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        scope = self._scope(ctx)
        reader = Reader(scope.user or "local", scope.workspace)
        for one in sorted(self._offer.resources, key=lambda one: one.template):
            given = one.match(params.uri)
            if given is not None:
                try:
                    return types.ReadResourceResult(contents=await read(one, params.uri, given, reader))
                except ToolError as error:
                    raise MCPError(types.INTERNAL_ERROR, f"{params.uri} cannot be read: {error}") from error
        raise MCPError(types.INVALID_PARAMS, f"Resource not found: {params.uri}", {"uri": params.uri})

    async def _subscribe(self, ctx: Request, params: types.SubscribeRequestParams) -> types.EmptyResult:
        self._watched.setdefault(str(params.uri), {})[_session(ctx)] = ctx.session
        return types.EmptyResult()

    async def _unsubscribe(self, ctx: Request, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        self._watched.get(str(params.uri), {}).pop(_session(ctx), None)
        return types.EmptyResult()

    # Prompts

    async def _prompts(self, ctx: Request, params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[described(one.tool.spec) for one in self._offer.prompts.values()])

    async def _prompt(
        self, ctx: Request, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult | types.InputRequiredResult:
        one = self._offer.prompts.get(params.name)
        if one is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")
        made = await self._run(ctx, params, f"prompt:{params.name}", dict(params.arguments or {}))
        if isinstance(made, types.InputRequiredResult):
            return made
        if made.failed or made.paused:
            raise MCPError(types.INVALID_PARAMS if made.failed else types.INTERNAL_ERROR, made.text)
        roles: list[Any] = msgspec.json.decode(made.text)
        messages = [
            types.PromptMessage(role=role, content=block(media)) for role, media in zip(roles, made.media, strict=True)
        ]
        return types.GetPromptResult(description=one.tool.spec.description, messages=messages)

    async def _complete(self, ctx: Request, params: types.CompleteRequestParams) -> types.CompleteResult:
        given: Completions = {}
        none: Completions = {}
        if isinstance(params.ref, types.PromptReference):
            one = self._offer.prompts.get(params.ref.name)
            given = {} if one is None else one.complete
        else:
            uri = str(params.ref.uri)
            given = next((one.complete for one in self._offer.resources if one.uri == uri), none)
        found = given.get(params.argument.name, ())
        values: Any = found(params.argument.value) if callable(found) else found
        values = list(await values if isawaitable(values) else values)
        fits = [value for value in values if value.lower().startswith(params.argument.value.lower())]
        return types.CompleteResult(
            completion=types.Completion(values=fits[:100], total=len(fits), has_more=len(fits) > 100)
        )

    async def _level(self, ctx: Request, params: types.SetLevelRequestParams) -> types.EmptyResult:
        if len(self._levels) >= MOST_SESSIONS:
            self._levels.pop(next(iter(self._levels)))
        self._levels[_session(ctx)] = params.level
        return types.EmptyResult()


def identified(user: str) -> AuthenticatedUser:
    """Whose a request is: a session, or the state of a call, of another one is not found."""
    return AuthenticatedUser(AccessToken(token="", client_id=user, scopes=[]))


def _session(ctx: Request) -> str:
    """What tells a client of 2025 apart; over stdio there is one."""
    return "" if ctx.request is None else ctx.request.headers.get("mcp-session-id", "")


def _input(made: Wanted) -> types.InputRequiredResult:
    state = json.dumps({"run": made.run_id, "refused": sorted(made.refused)})
    return types.InputRequiredResult(input_requests=asked(list(made.wishes)), request_state=state)


def _responses(given: "Mapping[str, Any] | None") -> dict[str, Json]:
    return {key: plain(value) for key, value in (given or {}).items()}


def _guard(hosts: "tuple[str, ...] | None", origins: tuple[str, ...]) -> TransportSecuritySettings:
    """Pages of other sites may make their names point to us; their requests still say those names."""
    if hosts is None:
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    named = [name for host in hosts for name in (host, f"{host}:*")]
    pages = [f"http://{name}" for name in named]
    return TransportSecuritySettings(allowed_hosts=named, allowed_origins=[*pages, *origins])
