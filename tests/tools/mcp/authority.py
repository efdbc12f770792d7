"""A real authorization server of the SDK's parts, and an MCP server that takes its tokens: two ports, one loop."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    ProviderTokenVerifier,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.applications import Starlette

from weft.server.listen import bind, url_of
from weft.tools.mcp import close_connections


class Authority:
    """Signs everybody in at once, and remembers what it was asked."""

    def __init__(self) -> None:
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.asked: list[AuthorizationParams] = []
        self.refreshed = 0
        self.lasts = 3600
        """Seconds for which the next access token is good."""
        self._codes: dict[str, AuthorizationCode] = {}
        self._tokens: dict[str, AccessToken] = {}
        self._refresh: dict[str, RefreshToken] = {}

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id or ""] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        self.asked.append(params)
        code = AuthorizationCode(
            code=secrets.token_urlsafe(16),
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id or "",
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        self._codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(self, client: Any, authorization_code: str) -> AuthorizationCode | None:
        return self._codes.get(authorization_code)

    async def exchange_authorization_code(self, client: Any, authorization_code: AuthorizationCode) -> OAuthToken:
        del self._codes[authorization_code.code]
        return self._issued(client.client_id, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(self, client: Any, refresh_token: str) -> RefreshToken | None:
        return self._refresh.get(refresh_token)

    async def exchange_refresh_token(self, client: Any, refresh_token: RefreshToken, scopes: list[str]) -> OAuthToken:
        self.refreshed += 1
        del self._refresh[refresh_token.token]
        return self._issued(client.client_id, scopes, None)

    async def load_access_token(self, token: str) -> AccessToken | None:
        found = self._tokens.get(token)
        return found if found is not None and (found.expires_at or 0) > time.time() else None

    async def revoke_token(self, token: Any) -> None:
        self._tokens.pop(token.token, None)

    async def exchange_identity_assertion(self, client: Any, params: Any) -> OAuthToken:
        raise NotImplementedError

    def _issued(self, client_id: str, scopes: list[str], resource: str | None) -> OAuthToken:
        access, again = f"access-{secrets.token_urlsafe(16)}", f"refresh-{secrets.token_urlsafe(16)}"
        until = int(time.time() + self.lasts)
        self._tokens[access] = AccessToken(
            token=access, client_id=client_id, scopes=scopes, expires_at=until, resource=resource
        )
        self._refresh[again] = RefreshToken(token=again, client_id=client_id, scopes=scopes)
        return OAuthToken(access_token=access, expires_in=self.lasts, refresh_token=again, scope=" ".join(scopes))


@asynccontextmanager
async def protected(authority: Authority, *, register: bool = True) -> AsyncGenerator[str]:
    """Where the MCP server is that only takes tokens of ``authority``."""
    at, mine = bind("127.0.0.1", 0), bind("127.0.0.1", 0)
    issuer, url = AnyHttpUrl(url_of(at).rstrip("/")), f"{url_of(mine)}mcp"
    options = ClientRegistrationOptions(enabled=register, valid_scopes=["notes"], default_scopes=["notes"])
    routes = create_auth_routes(authority, issuer, client_registration_options=options)
    settings = AuthSettings(
        issuer_url=issuer, resource_server_url=AnyHttpUrl(url), required_scopes=["notes"], validate_token_resource=False
    )
    server = MCPServer("secrets", auth=settings, token_verifier=ProviderTokenVerifier(authority))

    @server.tool()
    def secret() -> str:
        """Tell it."""
        return "forty-two"

    servers = [
        (uvicorn.Server(uvicorn.Config(made, log_level="warning", timeout_graceful_shutdown=2)), sock)
        for made, sock in ((Starlette(routes=routes), at), (server.streamable_http_app(), mine))
    ]
    tasks = [asyncio.create_task(one.serve([sock])) for one, sock in servers]
    try:
        yield url
    finally:
        await close_connections()
        for one, _ in servers:
            one.should_exit = True
        await asyncio.gather(*tasks)
