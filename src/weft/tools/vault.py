"""Where tokens and other secrets of tools are kept: sealed in the store of the app, or in memory without one."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol
from weakref import ReferenceType, WeakKeyDictionary, ref

from weft.errors import UsageError
from weft.security.sealing import Sealer
from weft.storage.base import Store
from weft.storage.secret_rows import Secrets


class Vault(Protocol):
    """Secrets by name."""

    async def get(self, name: str) -> bytes | None: ...

    async def put(self, name: str, body: bytes) -> None: ...

    async def forget(self, name: str) -> None: ...


class InMemory:
    """Forgotten with the process."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    async def get(self, name: str) -> bytes | None:
        return self._kept.get(name)

    async def put(self, name: str, body: bytes) -> None:
        self._kept[name] = body

    async def forget(self, name: str) -> None:
        self._kept.pop(name, None)


class Stored:
    """In a store, sealed. ``key`` is asked for when the first secret is kept or read, not before."""

    def __init__(self, secrets: Secrets, workspace: str, key: Callable[[], bytes]) -> None:
        self._secrets, self._workspace, self._key = secrets, workspace, key
        self._made: Sealer | None = None

    async def get(self, name: str) -> bytes | None:
        """Raises: UsageError: it was sealed under another key; StoreError."""
        sealed = await self._secrets.get(self._workspace, name)
        return None if sealed is None else (await self._sealer()).opened(self._under(name), sealed)

    async def put(self, name: str, body: bytes) -> None:
        """Raises: UsageError: there is no usable key; StoreError."""
        await self._secrets.put(self._workspace, name, (await self._sealer()).sealed(self._under(name), body))

    async def forget(self, name: str) -> None:
        await self._secrets.forget(self._workspace, name)

    def _under(self, name: str) -> str:
        return f"{self._workspace}\0{name}"

    async def _sealer(self) -> Sealer:
        if self._made is None:
            self._made = Sealer(await asyncio.to_thread(self._key))
        return self._made


Make = Callable[[str], Vault]
"""The vault of a workspace."""

_makers: "WeakKeyDictionary[Store, Make]" = WeakKeyDictionary()
_vaults: "WeakKeyDictionary[Store, dict[str, Vault]]" = WeakKeyDictionary()
_apps: "WeakKeyDictionary[asyncio.AbstractEventLoop, list[tuple[ReferenceType[Store], str]]]" = WeakKeyDictionary()
_without: "WeakKeyDictionary[asyncio.AbstractEventLoop, Vault]" = WeakKeyDictionary()


_LENT: ContextVar[tuple[Store, str] | None] = ContextVar("weft.vault.lent", default=None)


@contextmanager
def lent(store: Store | None, workspace: str) -> Generator[None]:
    """What runs without a store in here has the vault of this one, as tools do that are only tried."""
    token = _LENT.set(None if store is None else (store, workspace))
    try:
        yield
    finally:
        _LENT.reset(token)


def keep_in(store: Store, workspace: str, make: Make) -> None:
    """An app on this store was opened, in this event loop: ``make`` makes the vaults of its workspaces."""
    _makers[store] = make
    _apps.setdefault(asyncio.get_running_loop(), []).append((ref(store), workspace))


def let_go(store: Store) -> list[Vault]:
    """It was closed; the vaults that it had."""
    for apps in _apps.values():
        apps[:] = [one for one in apps if one[0]() not in (None, store)]
    _makers.pop(store, None)
    return list(_vaults.pop(store, {}).values())


def vault(store: Store | None, workspace: str) -> Vault:
    """That of the app on this store; what runs without one is forgotten with the process."""
    if store is None and (given := _LENT.get()) is not None:
        store, workspace = given
    if store is None or (make := _makers.get(store)) is None:
        return _without.setdefault(asyncio.get_running_loop(), InMemory())
    mine = _vaults.setdefault(store, {})
    if workspace not in mine:
        mine[workspace] = make(workspace)
    return mine[workspace]


def only_vault() -> Vault:
    """That of the app which is open in this event loop, for who is not in a run.

    Raises:
        UsageError: several are.
    """
    apps = [(store, workspace) for known, workspace in _apps.get(asyncio.get_running_loop(), ()) if (store := known())]
    if len(apps) > 1:
        raise UsageError("several apps are open here, each with tokens of its own: say which one, by app=")
    return vault(*apps[0]) if apps else vault(None, "")
