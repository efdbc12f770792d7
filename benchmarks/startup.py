"""What it costs to begin: the import, and one agent."""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Sides, each, size_of
from benchmarks.rows import row
from weft import Agent

_CHILD = """
import sys, time
before = time.process_time()
{statement}
took = time.process_time() - before
import json
status = open("/proc/self/status").read() if sys.platform == "linux" else "VmHWM: 0 kB"
print(json.dumps({{"ms": took * 1e3, "mb": int(status.split("VmHWM:")[1].split()[0]) / 1024,
    "heavy": [name for name in ("litellm", "sqlalchemy", "fastapi", "pydantic") if name in sys.modules]}}))
"""

_COMPILED = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(Path(".cache/bytecode").resolve())}
"""Byte code is used, whatever the machine's settings: what is measured is an import, not the compiler."""
_TIMES = 7


def _imported(statement: str) -> dict[str, float]:
    """The median of several. Memory is that of the process itself: ``ru_maxrss`` would begin with its parent's."""
    command = [sys.executable, "-c", _CHILD.format(statement=statement)]
    done = [subprocess.run(command, env=_COMPILED, capture_output=True, text=True, check=True) for _ in range(_TIMES)]
    return sorted([json.loads(one.stdout) for one in done], key=lambda told: told["ms"])[_TIMES // 2]


@row("import", "from weft import Agent, App, tool", goal=100, stretch=70, unit="ms")
async def importing() -> Sides:
    limit, weft = _imported("import asyncio"), _imported("from weft import Agent, App, tool")
    return Sides(limit["ms"], weft["ms"], {"RSS, MB (goal 35)": weft["mb"]})


class Plain:
    """The least that could be called an agent."""

    __slots__ = ("instructions", "model", "name", "tools")

    def __init__(self, name: str, model: str, instructions: str, tools: list[object]) -> None:
        self.name, self.model, self.instructions, self.tools = name, model, instructions, tools


async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@row("agent", "Agent(...) with one tool", goal=5, stretch=3)
async def agent() -> Sides:
    async def plain() -> None:
        Plain("a", "openai/gpt-5-mini", "Be brief.", [add])

    async def weft() -> None:
        Agent("a", model="openai/gpt-5-mini", instructions="Be brief.", tools=[add])

    return Sides(await each(plain, 20_000), await each(weft, 20_000))


@row("agent-bytes", "what one Agent(...) with one tool keeps", goal=1536, stretch=1024, unit="B")
async def agent_bytes() -> Sides:
    return Sides(
        size_of(lambda: Plain("a", "openai/gpt-5-mini", "Be brief.", [add])),
        size_of(lambda: Agent("a", model="openai/gpt-5-mini", instructions="Be brief.", tools=[add])),
    )
