"""What the documentation shows, works: Python runs, commands answer as shown, links lead somewhere.

The ``python`` blocks of a page share their names and run in order, in an empty folder, without any key, so that
the demo model answers. ``python trip.py`` also puts the block into a file of that name for the commands below it.
``console`` blocks are commands after ``$`` and what they print; ``...`` stands for anything.
"""

import ast
import asyncio
import doctest
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.warm import python

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "AGENTS.md", ROOT / "CHANGELOG.md"]
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))

_BLOCK = re.compile(r"^```(\w+)[ \t]*([^\n]*)\n(.*?)^```", re.M | re.S)
_COMMAND = re.compile(r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n)*)", re.M)
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
_KEY = re.compile(r"_(API_KEY|TOKEN|SECRET)$|^(WEFT|LITELLM)_")
ENDLESS = re.compile(r"weft( serve| dev| chat)?( -.*)?$")
"""Commands that do not end by themselves; that they start is tested where the server is."""


@dataclass(frozen=True)
class Block:
    language: str
    title: str
    source: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in _BLOCK.finditer(text):
        yield Block(match[1], match[2].strip(), match[3], text.count("\n", 0, match.start(3)))


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What a page sets in the environment goes with it."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    for name in [name for name in os.environ if _KEY.search(name)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("WEFT_SECRET_KEY_FILE", str(tmp_path / "secret.key"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.blocks
@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages(page: Path, empty_folder: Path) -> None:
    names: dict[str, Any] = {"__name__": "__docs__"}
    with asyncio.Runner() as runner:
        for block in blocks(page):
            if block.title and "." in block.title:
                (empty_folder / block.title).write_text(block.source)
            if block.language == "python":
                run_python(block, page, names, runner)
            elif block.language in ("console", "bash"):
                for command, shown in _COMMAND.findall(block.source):
                    run_command(command, shown)


def run_python(block: Block, page: Path, names: dict[str, Any], runner: asyncio.Runner) -> None:
    """Run it, with ``await`` at the top as in a notebook; errors show the page's own line."""
    source = "\n" * block.line + block.source
    code = compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    made = eval(code, names)
    if inspect.iscoroutine(made):
        runner.run(made)


def run_command(command: str, shown: str) -> None:
    words = shlex.split(command, comments=True)
    if not words or words[0] != "weft" or ENDLESS.match(" ".join(words)):
        return
    done = subprocess.run(
        python("-m", *words), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False
    )
    got = done.stdout + done.stderr
    assert done.returncode == 0, f"$ {command}\n{got}"
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert not shown.strip() or doctest.OutputChecker().check_output(shown, got, flags), f"$ {command}\n{got}"


def test_the_command_of_the_pages_is_installed(empty_folder: Path) -> None:
    assert subprocess.check_output(["weft", "--version"], timeout=60).startswith(b"weft ")


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text()) if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.blocks
@pytest.mark.usefixtures("warm")
def test_examples_run(empty_folder: Path) -> None:
    for path in EXAMPLES:
        done = subprocess.run(python(path), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{path}\n{done.stderr}"
