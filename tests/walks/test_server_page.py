"""The commands of ``docs/server.md``, typed into one shell, against a real server with the page's own agents."""

import doctest
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.test_docs import blocks
from tests.walks.desk import Desk

PAGE = Path(__file__).parents[2] / "docs" / "server.md"
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
_CHECK, _LOOSELY = doctest.OutputChecker().check_output, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_END = "--- the next command ---"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
@pytest.mark.usefixtures("warm")
def test_the_page_of_the_server(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (agents,) = [block.source for block in blocks(PAGE) if block.title == "desk.py"]
    (tmp_path / "desk.py").write_text(agents)
    shells = [block.source for block in blocks(PAGE) if block.language == "console"]
    commands = [found for source in shells for found in _COMMAND.findall(source)]
    assert len(commands) > 10
    with desk.serving("desk.py") as api:
        lines = [f'API="{str(api.base_url).rstrip("/")}"', *[f"{typed}\necho '\n{_END}'" for typed, _ in commands]]
        done = subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            cwd=tmp_path, env=desk.environment, capture_output=True, text=True, timeout=90, check=True,
        )  # fmt: skip
    printed = done.stdout.split(f"\n{_END}\n")
    assert len(printed) == len(commands) + 1
    for (typed, shown), said in zip(commands, printed, strict=False):
        assert not shown or _CHECK(shown, said.strip() + "\n", _LOOSELY), f"$ {typed}\n{said}"
