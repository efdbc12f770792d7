"""Where an MCP server is, and how it is reached."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from weft.errors import UsageError
from weft.tools.mcp.oauth import OAuth

Era: TypeAlias = Literal["auto", "2025", "2026"]


class Address(Struct, frozen=True, kw_only=True):
    """One server. Two tool sets with the same address share one connection."""

    url: str | None = None
    command: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    auth: OAuth | None = None
    env: tuple[tuple[str, str], ...] = ()
    cwd: str | None = None
    sse: bool = False
    """Whether it speaks the transport of 2024: a stream of events, and posts beside it."""
    era: Era = "auto"
    roots: tuple[str, ...] = ()
    """Folders that it may know of, as ``file://`` addresses."""
    sampling: bool = False
    """Whether it may ask for answers of our models."""
    reach: tuple[str, ...] | None = None
    """What of this machine's network may be connected to beside public addresses; ``None``: all."""
    connect: float = 30.0
    """Seconds until it must have answered for the first time."""

    @property
    def private(self) -> bool:
        """Whether what it shows depends on who asks: somebody signs in, or secrets of a workspace are sent."""
        return self.auth is not None or any(told.startswith("secret:") for _, told in (*self.headers, *self.env))

    def __str__(self) -> str:
        return self.url or " ".join(self.command)


def address(
    target: str | Sequence[str],
    *,
    headers: Mapping[str, str] | None = None,
    auth: OAuth | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    sse: bool = False,
    era: Era = "auto",
    roots: Sequence[str] = (),
    sampling: bool = False,
    reach: Sequence[str] | None = None,
    connect: float = 30.0,
) -> Address:
    """A URL, or the words of a command.

    Raises:
        UsageError: it is neither, or an option belongs to the other kind.

    >>> str(address("https://example.com/mcp")), str(address(["npx", "-y", "server"]))
    ('https://example.com/mcp', 'npx -y server')
    """
    if isinstance(target, str):
        if not target.startswith(("http://", "https://")):
            raise UsageError(f"{target!r} is no http(s) address; give a command as a list of words: ['npx', '-y', ...]")
        if env or cwd:
            raise UsageError("env and cwd are for servers that are started as a command")
        url, command = target, ()
    else:
        if not target or headers or sse or auth:
            raise UsageError("a command has at least one word, and neither headers, auth nor sse")
        url, command = None, tuple(target)
    return Address(
        url=url,
        command=command,
        headers=tuple(sorted((headers or {}).items())),
        auth=auth,
        env=tuple(sorted((env or {}).items())),
        cwd=cwd,
        sse=sse,
        era=era,
        roots=tuple(roots),
        sampling=sampling,
        reach=None if reach is None else tuple(reach),
        connect=connect,
    )
