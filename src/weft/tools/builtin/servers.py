"""Servers that tools are users of: an address without a password, which is a secret, or in the environment."""

import ssl
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from weft.errors import ToolFailed, UsageError
from weft.tools.secrets import SECRET, VARIABLE, is_reference, revealed


class Server(Struct, frozen=True, kw_only=True):
    """Where to go, and as whom."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    path: str = ""

    @property
    def here(self) -> bool:
        """Whether it is on this machine, so that nothing crosses a wire."""
        return self.host in ("127.0.0.1", "::1", "localhost")


def checked(url: str, password: str | None, ports: Mapping[str, int]) -> None:
    """
    Raises:
        UsageError: a secret stands in the code, or it is no such address.
    """
    if password is not None and not is_reference(password):
        raise UsageError(f"a password is not written down: give {SECRET}NAME, or {VARIABLE}NAME")
    if not is_reference(url) and _server(url, ports).password:
        raise UsageError(
            f"the address of {_server(url, ports).host} has a password in it: "
            f"give password={SECRET}NAME, or {VARIABLE}NAME"
        )


async def server(url: str, password: str | None, ports: Mapping[str, int]) -> Server:
    """The server at ``url``, or at what that stands for in the run whose tool is called. Raises: ToolFailed."""
    try:
        found = _server(await revealed(url), ports)
    except UsageError as error:
        raise ToolFailed(f"{url}: {error}" if is_reference(url) else str(error)) from None
    if password is None:
        return found
    return replace(found, password=await revealed(password))


def trusting() -> ssl.SSLContext:
    """Certificates as this machine trusts them (``SSL_CERT_FILE`` names others)."""
    return ssl.create_default_context()


def _server(url: str, ports: Mapping[str, int]) -> Server:
    """
    >>> _server("imaps://ada%40example.com@mail.example.com", {"imaps": 993})
    Server(scheme='imaps', host='mail.example.com', port=993, user='ada@example.com', password='', path='')
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError("this is no address of a server") from None
    if parts.scheme not in ports or not parts.hostname:
        raise UsageError(f"the address of a server is {'|'.join(ports)}://USER@HOST")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Server(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or ports[parts.scheme],
        user=user,
        password=password,
        path=parts.path,
    )
