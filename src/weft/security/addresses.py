"""Which addresses a tool may reach on a model's word: public ones, and those that were allowed by name.

A name says nothing about where it leads, so it is the address that counts, at the moment of connecting.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from weft.errors import AccessDenied

Lookup: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host."""

_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_NEVER = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "fec0::/10")))
"""Not public, whatever Python's tables say: for protocols (a cloud's metadata among them), old relays, the host of a
virtual machine on Azure, sites."""
_COMPATIBLE = IPv6Network("::/96")


class Reach:
    """What may be reached beside public addresses: hosts (``intra.example``), ``host:port``, networks (``10.0.0.0/8``).

    >>> Reach().refusal("169.254.169.254")
    '169.254.169.254 is not a public address'
    >>> Reach(["127.0.0.0/8"]).refusal("127.0.0.1") is None
    True
    """

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._hosts: set[str] = set()
        self._networks = list(map(ip_network, filter(_is_network, allow)))
        self._hosts.update(entry.lower().rstrip(".") for entry in allow if not _is_network(entry))

    def host(self, host: str, port: int) -> bool:
        """Whether this host was allowed by name, wherever it leads."""
        host = host.lower().rstrip(".")
        return host in self._hosts or f"{host}:{port}" in self._hosts

    def refusal(self, address: str) -> str | None:
        """Why this address may not be connected to; ``None`` where it may."""
        try:
            ip = ip_address(address.partition("%")[0])
        except ValueError:
            return f"{address!r} is not an address"
        if any(ip.version == net.version and ip in net for net in self._networks):
            return None
        within = _inside(ip)
        for meant in within if ip in _NAT64[0] else (ip, *within):
            known = any(meant.version == net.version and meant in net for net in _NEVER)
            if known or not meant.is_global or meant.is_multicast or meant.is_reserved:
                return f"{address} is not a public address"
        return None

    def url(self, url: str) -> SplitResult:
        """The parts of an address that may be asked for, as far as can be told before its host is looked up.

        Raises:
            AccessDenied: it is not HTTP, names a user, or its host is an address that may not be reached.
        """
        if url != url.strip() or any(ord(c) < 33 or ord(c) == 127 or c == "\\" for c in url):
            raise AccessDenied(f"{url!r} has characters that an address cannot have")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise AccessDenied(f"{url!r} is not an address: {error}") from None
        if parts.scheme not in ("http", "https"):
            raise AccessDenied(f"{url!r}: only http:// and https:// are spoken")
        if not host or "@" in parts.netloc:
            raise AccessDenied(f"{url!r} must name a host, and no user")
        number = port or (443 if parts.scheme == "https" else 80)
        if _is_network(host) and not self.host(host, number) and (why := self.refusal(host)):
            raise AccessDenied(f"{url!r} may not be reached: {why}")
        return parts


async def looked_up(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system finds them. Raises: OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _is_network(entry: str) -> bool:
    try:
        ip_network(entry)
    except ValueError:
        return False
    return True


def _inside(ip: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(ip, IPv4Address):
        return []
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _COMPATIBLE or any(ip in net for net in _NAT64):
        found.append(IPv4Address(int(ip) & 0xFFFFFFFF))
    return [each for each in found if each is not None]
