"""The examples say what they are there to show: each runs in an empty folder, without a key."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
_KEY = re.compile(r"_(API_KEY|TOKEN|SECRET)$|^WEFT_")

SAYS = {
    "first_agent.py": "[demo] Hello Ada, I will remember that.\nfinished, ",
    "tools.py": "[stock: 12]\n[demo] stock says: 12.\n",
    "structured_output.py": "Rome has 2,800,000 inhabitants\n",
    "durable_thread.py": """\
asks: {'tool': 'refund', 'arguments': {'order': 'A-17', 'amount': 20.0}}
says: Your money is on its way.
1 user Order A-17 came broken.
2 assistant calls a tool
3 tool ['20.00 EUR for order A-17']
4 assistant Your money is on its way.
""",
    "state_graph.py": "ABOUT COCOA\nABOUT COFFEE\nABOUT TEA\n",
}


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_it_says(name: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not _KEY.search(key)} | {"WEFT_MODEL": "demo"}
    command = [sys.executable, str(EXAMPLES / name)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(SAYS[name])


@pytest.mark.parametrize("name", SAYS)
def test_it_is_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) <= 60
