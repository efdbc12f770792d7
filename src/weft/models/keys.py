"""Keys of providers: named by their variable or hidden in an object, never written out."""

import os
import re
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from msgspec.structs import replace

from weft.errors import AuthenticationFailed, UsageError
from weft.models.base import Request

_REFERENCE = "os.environ/"
_NAMED = re.compile(r"os\.environ/[A-Za-z_][A-Za-z0-9_]*")


@runtime_checkable
class Secret(Protocol):
    """A key that does not show itself, such as pydantic's ``SecretStr``."""

    def get_secret_value(self) -> str: ...


def check(api_key: str | Secret | None) -> None:
    """Raises: UsageError: it is a key itself."""
    if isinstance(api_key, str) and not api_key.startswith(_REFERENCE):
        raise UsageError("api_key takes 'os.environ/NAME' or a SecretStr, so that no key shows up in code or logs")


def key_of(api_key: str | Secret, model: str) -> str:
    """The key itself, read now.

    Raises:
        AuthenticationFailed: its variable is not set.
    """
    if not isinstance(api_key, str):
        return api_key.get_secret_value().strip()
    variable = api_key.removeprefix(_REFERENCE)
    if not (key := os.environ.get(variable, "").strip()):
        raise AuthenticationFailed(f"{model}: {variable} is not set in the environment")
    return key


def with_keys(request: Request, model: str) -> Request:
    """The request with the keys that its settings name by their variable, as headers of a gateway may be.

    Raises:
        AuthenticationFailed: a variable is not set.
    """
    if not request.settings:
        return request
    settings = _filled(request.settings, model)
    return request if settings is request.settings else replace(request, settings=settings)


def _filled(value: Any, model: str) -> Any:
    """The same value where it names nothing."""
    if isinstance(value, str):
        return key_of(value, model) if _NAMED.fullmatch(value) else value
    if isinstance(value, Mapping):
        told: Mapping[str, Any] = value  # pyright: ignore[reportUnknownVariableType]  # JSON
        filled = {name: _filled(inner, model) for name, inner in told.items()}
        return filled if any([filled[name] is not told[name] for name in filled]) else told
    if isinstance(value, list | tuple):
        items: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]  # JSON
        listed = [_filled(inner, model) for inner in items]
        return listed if any([one is not other for one, other in zip(listed, items, strict=True)]) else value  # pyright: ignore[reportUnknownVariableType]  # as it was
    return value
