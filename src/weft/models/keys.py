"""Keys of providers: named by their variable or hidden in an object, never written out."""

import os
from typing import Protocol, runtime_checkable

from weft.errors import AuthenticationFailed, UsageError

_REFERENCE = "os.environ/"


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
