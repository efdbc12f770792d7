"""Say what is missing on this machine, and how to mend it."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from msgspec import Struct
from rich.text import Text

from weft.cli.console import err, out, print_json, table
from weft.cli.loading import policy_in
from weft.cli.options import Json, Store
from weft.cli.policy import in_force
from weft.cli.threads import on, recorded
from weft.errors import UsageError, WeftError
from weft.models.choose import KEYS, at_hand, read_dotenv
from weft.models.demo import Demo
from weft.models.litellm import refuse
from weft.runtime.permits import KeptPolicy
from weft.server.listen import bind
from weft.server.ui import UI
from weft.settings import Settings
from weft.storage.base import Page, Scope

command = typer.Typer(add_completion=False)

_MARKS = {"ok": ("✓", "green"), "note": ("•", "yellow"), "bad": ("✗", "red")}
_SHARED_SQLITE = (3, 51, 3)
"""Before this version, several processes that write one file can meet the WAL-reset bug."""


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "note", "bad"]
    """``note`` works with less; ``bad`` does not work."""
    detail: str
    mend: str = ""
    """What to do about it."""


@command.command()
def doctor(store: Store = None, json: Json = False) -> None:
    """Look at everything Weft needs; exit code 1 if something does not work."""
    settings = Settings()
    findings: list[Finding] = []
    with err.status("looking ..."):
        for check in _checks(settings, store):
            findings.extend(check)
    bad = any(finding.state == "bad" for finding in findings)
    if json:
        print_json({"ok": not bad, "findings": findings})
    else:
        _print(findings)
    raise typer.Exit(int(bad))


def _checks(settings: Settings, store: str | None) -> tuple[Iterator[Finding], ...]:
    return (
        _python(),
        _sqlite(),
        _store(store),
        _policy(store, settings),
        _model(),
        _keys(),
        _litellm(),
        _ui(),
        _port(settings),
        _extras(),
    )


def _print(findings: list[Finding]) -> None:
    shown = table("", "what", "found")
    for finding in findings:
        mark, colour = _MARKS[finding.state]
        found = Text(finding.detail)
        if finding.mend:
            found.append(f"\n{finding.mend}", "dim")
        shown.add_row(Text(mark, colour), finding.name, found)
    out.print(shown)


def _python() -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    yield Finding("Python", "ok" if good else "bad", found, "" if good else "install Python 3.11 or newer")


def _sqlite() -> Iterator[Finding]:
    if sqlite3.sqlite_version_info < _SHARED_SQLITE:
        wanted = ".".join(map(str, _SHARED_SQLITE))
        yield Finding(
            "SQLite",
            "note",
            f"{sqlite3.sqlite_version}: good for one process at a time on a file",
            f"for several, use PostgreSQL, or a Python with SQLite {wanted} or newer",
        )
    else:
        yield Finding("SQLite", "ok", sqlite3.sqlite_version)


def _store(url: str | None) -> Iterator[Finding]:
    app = recorded(url)

    async def look() -> str:
        async with app:
            await app.store.threads.list(Scope(app.workspace), Page(1))
            return app.store.url

    try:
        yield Finding("Store", "ok", asyncio.run(look()))
    except WeftError as error:
        yield Finding("Store", "bad", str(error), "check WEFT_STORE; weft db upgrade brings an old store up to date")
    except OSError as error:
        yield Finding("Store", "bad", str(error), "check WEFT_STORE, and that the folder can be written")


def _policy(url: str | None, settings: Settings) -> Iterator[Finding]:
    try:
        given = policy_in(settings)
        kept = on(recorded(url), lambda app: app.policy()) or (None if given is None else KeptPolicy(given))
    except (WeftError, OSError) as error:
        yield Finding("Policy", "bad", str(error), "check WEFT_POLICY: default, none, or a YAML file's path")
        return
    own = "of an app in a file what it says itself"
    if kept is None:
        yield Finding("Policy", "note", in_force(None), f"unset WEFT_POLICY, or weft policy set policy.yaml; {own}")
    else:
        yield Finding("Policy", "ok", in_force(kept), f"weft policy show; {own}" if kept.version == 0 else "")


def _model() -> Iterator[Finding]:
    model, reason = at_hand()
    if isinstance(model, Demo):
        yield Finding("Model", "note", reason, "put a key into .env, such as OPENAI_API_KEY=..., or start Ollama")
    else:
        yield Finding("Model", "ok", f"{model.name}: {reason}")


def _keys() -> Iterator[Finding]:
    known = {**read_dotenv(".env"), **os.environ}
    present = [name for name, _ in KEYS if known.get(name)]
    yield Finding("Keys", "ok" if present else "note", ", ".join(present) or "none")


def _litellm() -> Iterator[Finding]:
    try:
        found, client = version("litellm"), version("openai")
    except PackageNotFoundError as error:
        yield Finding("LiteLLM", "bad", f"{error.name} is not installed", "pip install --upgrade weft")
        return
    try:
        refuse(found)
    except UsageError as error:
        yield Finding("LiteLLM", "bad", str(error), "pip install --upgrade litellm")
        return
    if client.split(".")[0] != "2":
        yield Finding("LiteLLM", "bad", f"openai {client} does not fit", "pip install 'openai>=2.20,<3'")
    else:
        yield Finding("LiteLLM", "ok", f"{found}, openai {client}")


def _ui() -> Iterator[Finding]:
    built = UI().built
    yield Finding("Web UI", "ok" if built else "note", "built" if built else "not built", "" if built else "make ui")


def _port(settings: Settings) -> Iterator[Finding]:
    try:
        bind(settings.host, settings.port).close()
    except UsageError:
        yield Finding(
            "Port", "note", f"{settings.port} is taken", "weft takes the next free one; or choose with --port"
        )
    else:
        yield Finding("Port", "ok", f"{settings.port} is free")


def _extras() -> Iterator[Finding]:
    try:
        yield Finding("PostgreSQL", "ok", f"asyncpg {version('asyncpg')}")
    except PackageNotFoundError:
        yield Finding("PostgreSQL", "note", "not installed", "only needed for it: pip install 'weft[postgres]'")
    try:
        ZoneInfo("Europe/Berlin")
    except ZoneInfoNotFoundError:
        yield Finding("Time zones", "note", "no database of time zones", "pip install tzdata")
