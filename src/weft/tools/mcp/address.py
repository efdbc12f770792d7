"""Where an MCP server is, and how it is reached."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from weft.errors import UsageError

Era: TypeAlias = Literal["auto", "2025", "2026"]


class Address(Struct, frozen=True, kw_only=True):
    """One server. Two tool sets with the same address share one connection."""

    url: str | None = None
    command: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    cwd: str | None = None
    sse: bool = False
    """Whether it speaks the transport of 2024: a stream of events, and posts beside it."""
    era: Era = "auto"
    roots: tuple[str, ...] = ()
    """Folders that it may know of, as ``file://`` addresses."""
    sampling: bool = False
    """Whether it may ask for answers of our models."""
    connect: float = 30.0
    """Seconds until it must have answered for the first time."""

    def __str__(self) -> str:
        return self.url or " ".join(self.command)


def address(
    target: str | Sequence[str],
    *,
    headers: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    sse: bool = False,
    era: Era = "auto",
    roots: Sequence[str] = (),
    sampling: bool = False,
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
        if not target or headers or sse:
            raise UsageError("a command has at least one word, and neither headers nor sse")
        url, command = None, tuple(target)
    return Address(
        url=url,
        command=command,
        headers=tuple(sorted((headers or {}).items())),
        env=tuple(sorted((env or {}).items())),
        cwd=cwd,
        sse=sse,
        era=era,
        roots=tuple(roots),
        sampling=sampling,
        connect=connect,
    )
