"""Which definitions of tools a person has seen: one that changes behind our back is asked about again."""

import hashlib
import json
import os
from pathlib import Path

import msgspec

from weft.errors import UsageError
from weft.tools.mcp.peer import Definition


def digest(definition: Definition) -> str:
    """The hash of all that a model is told of a tool, and of what it is said to do."""
    return hashlib.sha256(msgspec.json.encode(definition, order="deterministic")).hexdigest()


class Pins:
    """The first definition of each tool that was seen; in a file, where there is a ``path``, else in memory.

    The file is JSON, made to be committed beside the code: ``{"server": {"tool": "sha256", ...}}``.
    """

    def __init__(self, server: str, path: str | os.PathLike[str] | None = None) -> None:
        self._server, self._path = server, None if path is None else Path(path)
        self._known: dict[str, dict[str, str]] | None = None

    def changed(self, definition: Definition) -> bool:
        """Whether this is not the tool that was seen first under its name. What is new is pinned.

        Raises:
            UsageError: the file cannot be read or written.
        """
        known = self._load().setdefault(self._server, {})
        now = digest(definition)
        if definition.name not in known:
            known[definition.name] = now
            self._save()
        return known[definition.name] != now

    def accept(self, definition: Definition) -> None:
        """A person has seen the new definition."""
        self._load().setdefault(self._server, {})[definition.name] = digest(definition)
        self._save()

    def _load(self) -> dict[str, dict[str, str]]:
        if self._known is None:
            self._known = {}
            if self._path is not None and self._path.exists():
                try:
                    self._known = msgspec.json.decode(self._path.read_bytes(), type=dict[str, dict[str, str]])
                except (OSError, msgspec.MsgspecError) as error:
                    raise UsageError(f"the pins of MCP tools in {self._path} cannot be read: {error}") from error
        return self._known

    def _save(self) -> None:
        if self._path is None:
            return
        whole = self._path.with_name(f"{self._path.name}.new")
        try:
            whole.write_text(json.dumps(self._known, indent=2, sort_keys=True) + "\n")
            whole.replace(self._path)
        except OSError as error:
            raise UsageError(f"the pins of MCP tools in {self._path} cannot be written: {error}") from error
