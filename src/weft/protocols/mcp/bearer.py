"""Who may use what is served: bearer tokens, each of one user."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from weft.errors import AccessDenied, UsageError
from weft.storage.base import Scope

Admit: TypeAlias = Callable[[Any], Awaitable[Scope]]
"""Given Starlette's ``HTTPConnection``, who asks: the rows that it may see. Raises ``AccessDenied`` for the unknown."""

SHORTEST = 16
"""Characters of a token."""


class Bearer:
    """Admits those who show a token in ``Authorization: Bearer ...``; each token is a user's.

    The same for the whole server: ``create_app(app, admit=Bearer(...))``.

    Raises:
        UsageError: a token is too short, or there is none.
    """

    def __init__(self, tokens: Mapping[str, str], *, workspace: str = "default") -> None:
        if not tokens or any(len(token) < SHORTEST for token in tokens):
            raise UsageError(f"give at least one token, of {SHORTEST} characters or more: tokens={{'...': 'ada'}}")
        self._users = {token.encode(): user for token, user in tokens.items()}
        self._workspace = workspace

    async def __call__(self, request: Any) -> Scope:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        shown = given.strip().encode()
        users = [user for token, user in self._users.items() if hmac.compare_digest(token, shown)]
        if kind.lower() != "bearer" or not users:
            raise AccessDenied("a bearer token of this server is needed: Authorization: Bearer ...")
        return Scope(self._workspace, users[0])
