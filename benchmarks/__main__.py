"""Runs the rows, each in fresh processes, and prints the medians: ``python -m benchmarks [--json] [row ...]``."""

import argparse
import asyncio
import json
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rows import NotMeasured, Row, load

RESULTS = Path(__file__).parent / "results" / "latest.json"
TIMEOUT = 300.0
"""Seconds for one process."""


def main() -> None:
    options = _options()
    rows = load()
    if options.one:
        print(json.dumps(_measure(rows[options.rows[0]])))
        return
    unknown = [name for name in options.rows if name not in rows]
    if unknown:
        sys.exit(f"no such row: {', '.join(unknown)}; there is {', '.join(rows)}")
    wanted = options.rows or list(rows)
    if not options.json:
        print(_heading())
    results = {name: _repeated(rows[name], options.repeat, quiet=options.json) for name in wanted}
    report = {"python": platform.python_version(), "machine": platform.machine(), "rows": results}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=2))
    if options.json:
        print(json.dumps(report, indent=2))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help="all, if none is named")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--repeat", type=int, default=3, help="fresh processes for each row (default 3)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(row: Row) -> dict[str, Any]:
    try:
        return asdict(asyncio.run(_awaited(row)))
    except NotMeasured as error:
        return {"limit": None, "weft": None, "more": {"not measured": str(error)}}


async def _awaited(row: Row) -> Any:
    return await row.measure()


def _repeated(row: Row, repeat: int, *, quiet: bool) -> dict[str, Any]:
    runs = [_in_a_fresh_process(row.name) for _ in range(repeat)]
    more: dict[str, Any] = {key: _middle(run["more"].get(key) for run in runs) for key in runs[0]["more"]}
    limit, weft = _middle(run["limit"] for run in runs), _middle(run["weft"] for run in runs)
    ratio = weft / limit if limit and weft is not None else None
    met = None if weft is None or row.goal is None else weft <= row.goal
    result = {
        "what": row.what, "unit": row.unit, "limit": limit, "weft": weft, "ratio": ratio,
        "goal": row.goal, "stretch": row.stretch, "met": met, "more": more,
    }  # fmt: skip
    if not quiet:
        print(_line(row, result), flush=True)
    return result


def _in_a_fresh_process(name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "--one", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return {"limit": None, "weft": None, "more": {"failed": f"took longer than {TIMEOUT:g} s"}}
    if done.returncode:
        return {"limit": None, "weft": None, "more": {"failed": (done.stderr.strip().splitlines() or ["?"])[-1]}}
    return json.loads(done.stdout.splitlines()[-1])


def _middle(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return median(known) if all(isinstance(value, int | float) for value in known) else known[0]


def _heading() -> str:
    head = f"{'row':<22}{'limit':>10}{'weft':>12}{'ratio':>8}{'goal':>10}{'stretch':>9}  unit"
    return f"{head}\n{'-' * len(head)}"


def _line(row: Row, result: dict[str, Any]) -> str:
    mark = {True: "ok", False: "OVER", None: ""}[result["met"]]
    numbers = f"{_short(result['limit']):>10}{_short(result['weft']):>12}{_short(result['ratio']):>8}"
    goals = f"{_short(row.goal):>10}{_short(row.stretch):>9}"
    lines = [f"{row.name:<22}{numbers}{goals}  {row.unit:<5}{mark:<5} {row.what}"]
    lines += [f"{'':<22}  {key}: {_short(value)}" for key, value in result["more"].items()]
    return "\n".join(lines)


def _short(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


if __name__ == "__main__":
    main()
