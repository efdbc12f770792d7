"""OAuth of the SDK's client, on our vault: part of the door to the ``mcp`` package."""

import time
from typing import Any

import msgspec
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
)
from pydantic import AnyUrl, BaseModel

from weft.messages import Json
from weft.tools.mcp.oauth import OAuth, Person
from weft.tools.vault import Vault


class Signing(OAuthClientProvider):
    """Adds to the SDK's what a restart would lose: when a token expires, and where it is refreshed."""

    def __init__(self, server: str, how: OAuth, vault: Vault, person: Person) -> None:
        self._kept = _Kept(server, how, vault)

        async def back() -> AuthorizationCodeResult:
            came = await person.back()
            return AuthorizationCodeResult(code=came.code, state=came.state, iss=came.issuer)

        super().__init__(
            server_url=server,
            client_metadata=_metadata(how),
            storage=self._kept,
            redirect_handler=person.show,
            callback_handler=back,
            client_metadata_url=how.client_metadata,
        )
        self._kept.metadata = lambda: self.context.oauth_metadata

    async def _initialize(self) -> None:
        await super()._initialize()
        if self.context.oauth_metadata is None:
            self.context.oauth_metadata = self._kept.known
        if self.context.current_tokens is not None:
            self.context.token_expiry_time = self._kept.expires_at


def _metadata(how: OAuth) -> OAuthClientMetadata:
    return OAuthClientMetadata(
        client_name=how.client_name,
        redirect_uris=[AnyUrl(how.back)],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope=" ".join(how.scopes) or None,
    )


class _Kept:
    """The SDK's token storage: one secret for each server."""

    def __init__(self, server: str, how: OAuth, vault: Vault) -> None:
        self._name, self._how, self._vault = f"mcp:{server}", how, vault
        self.metadata: Any = lambda: None
        """What is known of the authorization server now."""
        self.known: OAuthMetadata | None = None
        """What was known of it when the tokens were kept."""
        self.expires_at: float | None = None

    async def get_tokens(self) -> OAuthToken | None:
        kept = await self._load()
        self.expires_at = kept.get("expires_at")
        self.known = OAuthMetadata.model_validate(kept["server"]) if kept.get("server") else None
        return OAuthToken.model_validate(kept["tokens"]) if kept.get("tokens") else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        lasts = None if tokens.expires_in is None else time.time() + tokens.expires_in
        self.expires_at = lasts
        known = self.metadata()
        server = _plain(known) if isinstance(known, OAuthMetadata) else None
        await self._save({"tokens": _plain(tokens), "expires_at": lasts, "server": server})

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        if self._how.client_id is not None:
            return _static(self._how)
        kept = await self._load()
        return OAuthClientInformationFull.model_validate(kept["client"]) if kept.get("client") else None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        await self._save({"client": _plain(client_info)})

    async def _load(self) -> Json:
        body = await self._vault.get(self._name)
        return {} if body is None else msgspec.json.decode(body)

    async def _save(self, changed: Json) -> None:
        await self._vault.put(self._name, msgspec.json.encode({**await self._load(), **changed}))


def _static(how: OAuth) -> OAuthClientInformationFull:
    return OAuthClientInformationFull(
        client_id=how.client_id or "",
        client_secret=how.client_secret,
        redirect_uris=[AnyUrl(how.back)],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="client_secret_basic" if how.client_secret else "none",
    )


def _plain(model: BaseModel) -> Json:
    return model.model_dump(mode="json", exclude_none=True)
