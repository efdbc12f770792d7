"""The verbs of an app for permission: which policy holds for the use of tools, and who used which."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weft.runtime.permits import KeptPolicy
from weft.security.policy import Policy
from weft.storage.audit_rows import Link, Proof
from weft.storage.base import Page, Scope, UseRow

if TYPE_CHECKING:
    from weft.runtime.runner import Runner


class Permissions(ABC):
    """What an app knows of the use of its tools, and what it allows."""

    workspace: str

    @abstractmethod
    async def open(self) -> Any: ...

    @property
    @abstractmethod
    def runner(self) -> "Runner": ...

    async def policy(self) -> KeptPolicy | None:
        """The policy that holds for all agents of the workspace, if there is one."""
        await self.open()
        return await self.runner.rules.kept(self.workspace)

    async def set_policy(self, policy: Policy, *, expected: int | None = None) -> KeptPolicy:
        """Put a policy on record, in place of the one that holds; within two seconds all processes hold to it.

        Raises:
            Conflict: ``expected`` is not the version that holds.
        """
        await self.open()
        if expected is None:
            kept = await self.runner.rules.kept(self.workspace)
            expected = 0 if kept is None else kept.version
        return await self.runner.rules.put(self.workspace, policy, expected=expected)

    async def audit(
        self,
        *,
        user: str | None = None,
        run: str | None = None,
        tool: str | None = None,
        decision: str | None = None,
        since: float = 0.0,
        until: float | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Sequence[UseRow]:
        """Tool calls that a policy judged, newest first; ``place_of_use`` of the last row is a cursor."""
        await self.open()
        scope, page = Scope(self.workspace, user), Page(limit, cursor)
        return await self.runner.store.audit.list(
            scope, page, run_id=run, tool=tool, decision=decision, since=since, until=until
        )

    async def verify_audit(self, *, known: str | None = None) -> Proof:
        """Whether the audit of the workspace is as it was written: no row changed, removed or added behind its back.

        ``known`` is what ``str(proof.head)`` was some time ago, noted down out of reach of those who can write to the
        database: with it, what was cut off at the end or written anew from there is found too.

        Raises:
            UsageError: that is no such text.
        """
        await self.open()
        return await self.runner.store.audit.verify(self.workspace, known=None if known is None else Link.parse(known))

    async def erase_audit(self, *, before: float, user: str | None = None, by: str = "local") -> int:
        """Erase rows from before a time (seconds since the epoch), all or a user's; how many.

        Their hashes stay in the chain, and a row says how many were erased, when, and ``by`` whom.
        """
        await self.open()
        return await self.runner.store.audit.erase(Scope(self.workspace, user), before=before, by=by)
