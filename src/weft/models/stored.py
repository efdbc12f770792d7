"""The router of a workspace as the store keeps it: read, change, and be in step with other processes."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from weft.errors import Conflict, NotFound
from weft.ids import new_id
from weft.models.places import Health
from weft.models.reports import encode, heard
from weft.models.router import Live, Router, connect, disconnect
from weft.models.routing import Deployment
from weft.models.sharing import Sharing
from weft.storage.base import Store

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Router).decode
_TRIES = 5
KEPT = 3_600.0
"""Seconds for which it is known what a process has said last."""


class Version(Struct, frozen=True, kw_only=True):
    """A version of a router."""

    version: int = 0
    """0 where none was ever written."""
    at: float | None = None
    """When it was written, in seconds since the epoch."""
    router: Router


class StoredRouter:
    """The router of one workspace. Who changes it says which version the change was made to, or that any will do."""

    def __init__(self, store: Store, workspace: str, name: str = "default") -> None:
        self._store = store
        self._workspace = workspace
        self._name = name
        self.live = Live(self)
        self._process = new_id("process")

    async def begin(self, first: Router | None = None) -> None:
        """From now on ``router:`` means this router. ``first`` is written where none ever was."""
        if first is not None and await self._store.routers.newest(self._workspace, self._name) is None:
            with suppress(Conflict):  # another process has written one
                await self.write(first, expected=0)
        self.live.sharing = Sharing(self._exchange)
        connect(self.live)

    async def end(self) -> None:
        disconnect(self.live)
        if self.live.sharing is not None:
            await self.live.sharing.end()

    async def _exchange(self) -> bool:
        """Tell the other processes of the workspace what is seen here, and take up what they see."""
        switch = self.live.current
        if switch is None:
            return False
        told = await switch.told()
        body = encode(told) if told else None
        reports = self._store.reports
        others = await reports.exchange(self._workspace, f"router/{self._name}", self._process, body, keep=KEPT)
        await (self.live.current or switch).hear(heard(others))
        return any([each.in_flight for each in told.values()])

    async def newest(self, known: int) -> tuple[int, Router] | None:
        """See ``router.Source``."""
        row = await self._store.routers.newest(self._workspace, self._name, after=known)
        return None if row is None else (row.version, _decode(row.body))

    async def read(self) -> Version:
        """As it is in the store now; empty where there is none."""
        row = await self._store.routers.newest(self._workspace, self._name)
        if row is None:
            return Version(router=Router(name=self._name))
        return Version(version=row.version, at=row.at, router=_decode(row.body))

    async def history(self, limit: int = 50) -> list[Version]:
        """Its versions, the newest first."""
        rows = await self._store.routers.versions(self._workspace, self._name, limit=limit)
        return [Version(version=row.version, at=row.at, router=_decode(row.body)) for row in rows]

    async def write(self, router: Router, *, expected: int) -> Version:
        """Put ``router`` in the place of version ``expected`` (0 is none).

        Raises:
            Conflict: another version holds by now.
        """
        named = router if router.name == self._name else replace(router, name=self._name)
        row = await self._store.routers.put(self._workspace, self._name, _encode(named), expected=expected)
        return Version(version=row.version, at=row.at, router=named)

    async def add(self, group: str, deployment: Deployment, *, expected: int | None = None) -> Version:
        """One deployment more; the group is made where it is new.

        Raises:
            UsageError: it is there already.
            Conflict: ``expected`` was given, and another version holds.
        """

        def added(router: Router) -> Router:
            groups = {**router.groups, group: (*router.groups.get(group, ()), deployment)}
            return replace(router, groups=groups)

        return await self._changed(added, expected)

    async def remove(self, id: str, *, expected: int | None = None) -> Version:
        """One deployment less, and with its last one the group.

        Raises:
            NotFound: there is none with that id.
            UsageError: the group would go, and a fallback names it.
            Conflict: ``expected`` was given, and another version holds.
        """

        def removed(router: Router) -> Router:
            kept: dict[str, list[Deployment]] = {}
            found = False
            for known, group, each in router.deployments():
                found = found or known == id
                if known != id:
                    kept.setdefault(group, []).append(each)
            if not found:
                raise NotFound(f"the router has no deployment {id!r}")
            return replace(router, groups={group: tuple(each) for group, each in kept.items()})

        return await self._changed(removed, expected)

    async def health(self) -> list[Health]:
        """How its deployments do, as this process has seen it and those that it hears of."""
        if (await self.read()).version == 0:
            return []
        await self.live.switch(now=True)
        if self.live.sharing is not None:
            await self.live.sharing.now()
        return await (await self.live.switch()).health()

    async def _changed(self, change: Callable[[Router], Any], expected: int | None) -> Version:
        for left in reversed(range(_TRIES)):
            before = await self.read()
            try:
                return await self.write(
                    change(before.router), expected=before.version if expected is None else expected
                )
            except Conflict:
                if expected is not None or not left:
                    raise
        raise AssertionError("the last try returns or raises")
