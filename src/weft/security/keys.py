"""The master key of sealed stores: from the environment, a file or a command, and never in the database."""

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from weft.errors import UsageError
from weft.security.sealing import SHORTEST, Sealer, key_in

NAME = "WEFT_MASTER_KEY"
_PATIENCE = 60.0
"""Seconds that a command may take."""


def master_in(environment: Mapping[str, str], name: str = NAME) -> Sealer | None:
    """The key in ``NAME``, in the file of ``NAME_FILE``, or that ``NAME_COMMAND`` prints; ``None`` without any.

    >>> master_in({}) is None
    True

    Raises:
        UsageError: there are several, or it cannot be had, or is too short.
    """
    given = [name + end for end in ("", "_FILE", "_COMMAND") if environment.get(name + end)]
    if not given:
        return None
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are both set: which one has the master key?")
    value = environment[given[0]]
    key = value.encode() if given[0] == name else _file(value) if given[0].endswith("_FILE") else _printed(value)
    if len(key) < SHORTEST:
        raise UsageError(
            f"the master key of {given[0]} has {len(key)} characters, and at least {SHORTEST} are wanted: "
            "`openssl rand -hex 32` makes one"
        )
    return Sealer(key)


def _file(path: str) -> bytes:
    file = Path(path).expanduser()
    if not file.exists():
        raise UsageError(f"there is no master key in {file}: `openssl rand -hex 32` makes one")
    return key_in(file)


def _printed(command: str) -> bytes:
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, check=True, timeout=_PATIENCE)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        said = error.stderr.decode(errors="replace").strip() if isinstance(error, subprocess.CalledProcessError) else ""
        raise UsageError(f"the command for the master key failed: {said or error}") from error
    return done.stdout.strip()
