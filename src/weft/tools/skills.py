"""Skills: folders with a ``SKILL.md`` that an agent is told of in short, and reads when it needs them.

After the specification at https://agentskills.io/specification.
"""

import asyncio
import hashlib
import os
import stat
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from weft.engine.context import Context
from weft.errors import NotFound, ToolFailed, ToolRetry, UsageError
from weft.events import Custom
from weft.messages import Json, Media
from weft.security.sandbox import Caps
from weft.security.sandbox import folder as contents
from weft.tools.base import Approval, Returned, Tool
from weft.tools.builtin.workbench import PICTURES, Workbench, in_sandbox, python_of
from weft.tools.function import tool

FIELDS = frozenset({"name", "description", "license", "allowed-tools", "metadata", "compatibility"})
MOST = 1_000_000
"""Bytes of a file that is read."""
LISTED = 10_000
"""Characters of the list of skills that a model is told."""
FRESH = 2.0
"""Seconds after which a change in the folder is seen at the latest."""


class Skill(Struct, frozen=True, kw_only=True):
    """One skill."""

    name: str
    description: str
    folder: str
    license: str = ""
    compatibility: str = ""
    allowed_tools: str = ""
    metadata: dict[str, str] = {}
    version: str
    """The hash of all that is in its folder."""


def validate(folder: str | os.PathLike[str]) -> list[str]:
    """What is wrong with a skill, by the specification; nothing where all is well."""
    try:
        told, _ = _front(Path(folder))
    except UsageError as error:
        return [str(error)]
    return _problems(told, Path(folder).name)


def load(folder: str | os.PathLike[str]) -> Skill:
    """Raises: UsageError: it is no valid skill; the message names everything that is wrong."""
    path = Path(folder)
    told, _ = _front(path)
    if problems := _problems(told, path.name):
        raise UsageError(f"the skill in {path.name!r} is not valid: {'; '.join(problems)}")
    return Skill(
        name=unicodedata.normalize("NFKC", told["name"].strip()),
        description=" ".join(told["description"].split()),
        folder=str(path),
        license=str(told.get("license", "")),
        compatibility=str(told.get("compatibility", "")),
        allowed_tools=str(told.get("allowed-tools", "")),
        metadata={str(key): str(value) for key, value in dict(told.get("metadata") or {}).items()},
        version=version_of(path),
    )


def find(root: str | os.PathLike[str]) -> tuple[list[Skill], dict[str, str]]:
    """The skills in the folders of ``root``, by name, and of those that are none what is wrong with them."""
    found: list[Skill] = []
    wrong: dict[str, str] = {}
    for path in sorted(Path(root).iterdir()) if Path(root).is_dir() else ():
        if not path.is_dir() or _file(path) is None:
            continue
        try:
            found.append(load(path))
        except UsageError as error:
            wrong[path.name] = str(error)
    return found, wrong


def version_of(folder: Path) -> str:
    """The hash of the names and contents of all regular files.

    Raises: UsageError: there are more or larger files than a skill has.
    """
    whole = hashlib.sha256()
    for name, info in sorted(contents.entries(str(folder))):
        if stat.S_ISREG(info.st_mode):
            try:
                body = contents.read(str(folder), name, 20 * MOST)
            except NotFound:
                continue
            whole.update(f"{name}\0{len(body)}\0".encode(errors="surrogateescape") + body)
    return whole.hexdigest()[:16]


class Skills:
    """The skills of a folder, for any agent: ``read_skill``, and ``run_skill_script`` in the sandbox.

    A script runs in the folder that a ``Workbench`` with the same ``root`` has for the thread, and sees its skill
    read-only. ``only`` are the names to offer, else all that are valid; ``problems`` tells of the others.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] = "skills",
        *,
        only: Sequence[str] | None = None,
        root: str | os.PathLike[str] = "weft-files",
        scripts: bool = True,
        caps: Caps | None = None,
        network: bool = False,
        approval: Approval = False,
    ) -> None:
        self._folder, self._only = Path(folder), None if only is None else frozenset(only)
        self._bench, self._scripts = Workbench(root), scripts
        self._caps, self._network, self._approval = caps or Caps(), network, approval
        self._at = 0.0
        self._known: dict[str, Skill] = {}
        self._made: list[Tool] = []
        self.problems: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Skills({str(self._folder)!r})"

    async def skills(self) -> list[Skill]:
        """Those that are offered now, by name."""
        if not self._at or time.monotonic() - self._at > FRESH:
            found, self.problems = await asyncio.to_thread(find, self._folder)
            known = {each.name: each for each in found if self._only is None or each.name in self._only}
            self._at = time.monotonic()
            if known != self._known:
                self._known, self._made = known, []
        return list(self._known.values())

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if not await self.skills():
            return ()
        if not self._made:
            listed = "Read a skill: instructions by people who know how a kind of task is done well. Read it before "
            listed += f"you begin such a task. The skills:\n{_listed(list(self._known.values()))}"
            self._made = [tool(self.read_skill, effect="read", description=listed).tool]
            if self._scripts:
                effect = "once" if self._network else "idempotent"
                timeout = self._caps.seconds + 30
                self._made.append(
                    tool(self.run_skill_script, effect=effect, approval=self._approval, timeout=timeout).tool
                )
        return self._made

    async def read_skill(self, name: str, ctx: Context[Any], file: str = "") -> Returned:
        """Read a skill.

        Args:
            name: The skill's name.
            file: One of its files; its instructions and a list of its files, if none is given.
        """
        skill = self._skill(name)
        if file:
            return await asyncio.to_thread(_part, skill, file)
        _, body = await asyncio.to_thread(_front, Path(skill.folder))
        files = await asyncio.to_thread(_files, skill.folder)
        ctx.emit(Custom("skill.read", {"name": skill.name, "version": skill.version}))
        return Returned(
            content=f"Skill {skill.name}, version {skill.version}\n\n{body}\n\nIts files: {', '.join(files)}"
        )

    async def run_skill_script(
        self, name: str, script: str, ctx: Context[Any], arguments: list[str] | None = None
    ) -> Returned:
        """Run a script of a skill in your folder, behind walls.

        Args:
            name: The skill's name.
            script: Such as scripts/check.py: Python, or a shell script.
            arguments: Given to the script as they are.
        """
        skill = self._skill(name)
        await asyncio.to_thread(_part, skill, script)
        folder = self._bench.folder(ctx.run.workspace, ctx.run.thread_id)
        folder.mkdir(parents=True, exist_ok=True)
        python, own = python_of()
        where = await asyncio.to_thread(os.path.realpath, skill.folder)
        argv = [python if script.endswith(".py") else "sh", os.path.join(where, script), *(arguments or ())]
        ctx.emit(Custom("skill.run", {"name": skill.name, "version": skill.version, "script": script}))
        return await in_sandbox(ctx, folder, argv, caps=self._caps, network=self._network, read=(where, *own))

    def _skill(self, name: str) -> Skill:
        if name not in self._known:
            raise ToolRetry(f"there is no skill {name!r}; there are: {', '.join(self._known)}")
        return self._known[name]


def _listed(skills: list[Skill]) -> str:
    """Name and description of each; where there are very many, the descriptions in short."""
    most = max(40, LISTED // max(len(skills), 1) - 70)
    return "\n".join(
        f"- {each.name}: {each.description if len(each.description) <= most else each.description[: most - 1] + '…'}"
        for each in skills
    )


def _part(skill: Skill, file: str) -> Returned:
    try:
        body = contents.read(skill.folder, file, MOST)
    except NotFound:
        raise ToolRetry(f"{skill.name} has no file {file!r}; it has {', '.join(_files(skill.folder))}") from None
    except UsageError as error:
        raise ToolFailed(str(error).replace(" in the sandbox", "")) from None
    kind = next((mime for mime in PICTURES if file.lower().endswith(mime.partition("/")[2])), None)
    if kind is not None:
        return Returned(content=file, media=(Media(mime=kind, data=body, name=file),))
    if b"\0" in body[:8000]:
        raise ToolFailed(f"{file} is not text ({len(body):,} bytes)")
    return Returned(content=body.decode(errors="replace"))


def _files(folder: str) -> list[str]:
    return sorted(name for name, info in contents.entries(folder) if stat.S_ISREG(info.st_mode))[:200]


def _file(folder: Path) -> str | None:
    return next((name for name in ("SKILL.md", "skill.md") if (folder / name).is_file()), None)


def _front(folder: Path) -> tuple[Json, str]:
    """What stands at the head of SKILL.md, every value as text, and what follows. Raises: UsageError."""
    import yaml  # noqa: PLC0415  # only for those who have skills

    if (name := _file(folder)) is None:
        raise UsageError("there is no SKILL.md")
    try:
        text = contents.read(str(folder), name, MOST).decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"SKILL.md is not UTF-8: {error}") from None
    head, body = text.split("---", 2)[1:] if text.startswith("---") and text.count("---") > 1 else ("", "")
    if not head:
        raise UsageError("SKILL.md must begin with a head of YAML between two lines of ---")
    try:
        told = yaml.load(head, Loader=yaml.BaseLoader)  # makes nothing but text, lists and mappings
    except yaml.YAMLError as error:
        raise UsageError(f"the head of SKILL.md is not YAML: {error}") from None
    if not isinstance(told, dict):
        raise UsageError("the head of SKILL.md must be a mapping")
    return cast("Json", told), body.strip()


def _problems(told: Json, folder: str) -> list[str]:
    found: list[str] = []
    if other := sorted(set(told) - FIELDS):
        found.append(f"there are no fields {', '.join(other)}")
    for name, most in (("name", 64), ("description", 1024), ("compatibility", 500)):
        value = told.get(name, "" if name == "compatibility" else None)
        if value is None or (not str(value).strip() and name != "compatibility"):
            found.append(f"{name} is missing")
        elif not isinstance(value, str):
            found.append(f"{name} must be text")
        elif len(value) > most:
            found.append(f"{name} has more than {most} characters")
    if isinstance(told.get("name"), str) and told["name"].strip():
        found += _problems_of_name(unicodedata.normalize("NFKC", told["name"].strip()), folder)
    return found


def _problems_of_name(name: str, folder: str) -> list[str]:
    found: list[str] = []
    if name != name.lower() or not all(c.isalnum() or c == "-" for c in name):
        found.append("name takes lower-case letters, digits and hyphens")
    if name.startswith("-") or name.endswith("-") or "--" in name:
        found.append("name neither begins nor ends with a hyphen, nor has two in a row")
    if name != unicodedata.normalize("NFKC", folder):
        found.append(f"name must be that of its folder, {folder!r}")
    return found
