"""Secrets of a workspace: a person sets them, the store keeps them sealed, and tools get them as ``secret:NAME``.

Neither a model nor anybody over the API is ever told one. What a server's own environment holds is ``os.environ/NAME``.
"""

import os
import re
from collections.abc import Sequence
from typing import Any

from weft.engine.context import CURRENT, Context
from weft.errors import NotFound, ToolFailed, UsageError
from weft.storage.base import Store
from weft.tools.vault import Vault, vault

SECRET = "secret:"
"""Begins what stands for a secret of the workspace."""
VARIABLE = "os.environ/"
"""Begins what stands for a variable of this process's environment."""
LONGEST = 20_000
"""Characters of a secret."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class Secrets:
    """Those of one workspace, for whoever looks after it."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store, self._workspace = store, workspace

    async def set(self, name: str, value: str) -> None:
        """Keep it, in the place of what was there. Raises: UsageError (no such name or value, or no key to seal by)."""
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name for a secret: a letter, then up to 63 letters, digits, _, . and -")
        if not value.strip() or len(value) > LONGEST:
            raise UsageError(f"a secret is a text of up to {LONGEST:,} characters")
        await vault(self._store, self._workspace).put(_key(name), value.strip().encode())

    async def names(self) -> Sequence[str]:
        """Their names, and nothing else."""
        kept = await self._store.secrets.names(self._workspace, SECRET)
        return [name.removeprefix(SECRET) for name in kept]

    async def remove(self, name: str) -> None:
        """Raises: NotFound."""
        if name not in await self.names():
            raise NotFound(f"this workspace has no secret {name!r}")
        await vault(self._store, self._workspace).forget(_key(name))


def is_reference(told: str) -> bool:
    """Whether it stands for something that is not written down.

    >>> is_reference("secret:SLACK"), is_reference("os.environ/SLACK"), is_reference("xoxb-1")
    (True, True, False)
    """
    return told.startswith((SECRET, VARIABLE))


async def revealed(told: str, ctx: Context[Any] | None = None) -> str:
    """What a text stands for in a run (that of the tool which is called, unless told): a secret of its workspace, a
    variable, or itself.

    Raises:
        ToolFailed: there is none of that name; nothing was done.
    """
    if told.startswith(SECRET):
        here = ctx or CURRENT.get(None)
        run = None if here is None else here.run
        return await opened(told, vault(None if run is None else run.store, "" if run is None else run.workspace))
    return variable(told.removeprefix(VARIABLE)) if told.startswith(VARIABLE) else told


async def opened(told: str, kept: Vault) -> str:
    """The same of a secret alone, from this vault. Raises: ToolFailed."""
    if not told.startswith(SECRET):
        return told
    name = told.removeprefix(SECRET)
    try:
        found = await kept.get(_key(name))
    except UsageError as error:
        raise ToolFailed(f"the secret {name} cannot be read: {error}") from None
    if found is None:
        raise ToolFailed(f"this workspace has no secret {name}: somebody has to set it (weft secrets set {name})")
    return found.decode()


def variable(name: str) -> str:
    """What stands in the environment. Raises: ToolFailed."""
    if not (found := os.environ.get(name, "").strip()):
        raise ToolFailed(f"{name} is not set in the environment of this server")
    return found


def _key(name: str) -> str:
    return f"{SECRET}{name}"
