"""The policy of a workspace for the use of tools: the program's own, or the one on record, which counts."""

import time

import msgspec

from weft.security.policy import Policy, policy_of
from weft.storage.base import Store
from weft.storage.version_rows import VersionRow

FRESH = 2.0
"""Seconds after which a process asks again which policy holds."""
NAME = "tools"


class KeptPolicy(msgspec.Struct, frozen=True):
    """A policy, and its version on record; 0 for the program's own."""

    policy: Policy
    version: int = 0
    at: float = 0.0


class Rulebook:
    """Which policies hold in each workspace, as this process knows them."""

    def __init__(self, store: Store, given: Policy | None = None) -> None:
        self._store = store
        self._given = None if given is None else KeptPolicy(given)
        self._known: dict[str, tuple[float, KeptPolicy | None]] = {}

    async def policy(self, workspace: str) -> Policy | None:
        """The one that holds; ``None`` where there is none, and every call is allowed."""
        kept = await self.kept(workspace)
        return None if kept is None else kept.policy

    async def kept(self, workspace: str) -> KeptPolicy | None:
        """The same, with its version."""
        known = self._known.get(workspace)
        if known is not None and time.monotonic() - known[0] < FRESH:
            return known[1]
        asked, before = time.monotonic(), None if known is None else known[1]
        row = await self._store.policies.newest(workspace, NAME, after=0 if before is None else before.version)
        kept = (before or self._given) if row is None else load(row)
        self._known[workspace] = asked, kept
        return kept

    async def put(self, workspace: str, policy: Policy, *, expected: int) -> KeptPolicy:
        """Put it on record as the version after ``expected``; it holds in all processes within ``FRESH`` seconds.

        Raises:
            Conflict: there is a newer one.
        """
        row = await self._store.policies.put(workspace, NAME, msgspec.json.encode(policy), expected=expected)
        self._known.clear()
        return load(row)


def load(row: VersionRow) -> KeptPolicy:
    """A version of a policy as it is on record."""
    return KeptPolicy(policy_of(msgspec.json.decode(row.body)), row.version, row.at)
