"""Secrets at rest: sealed under one key, which is in the environment or in a file that only its owner may read."""

import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from weft.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SHORTEST = 32
"""Characters of a key: it is a random text, not a password."""
_VERSION = b"\x01"
_NONCE = 12


class Sealer:
    """AES-256-GCM under a key derived from ``key``. What is sealed opens only under the name it was sealed under.

    >>> sealer = Sealer(b"k" * 32)
    >>> sealer.opened("a", sealer.sealed("a", b"token"))
    b'token'
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < SHORTEST:
            raise UsageError(f"a secret key has at least {SHORTEST} characters: make one with `openssl rand -hex 32`")
        self._key = key

    def sealed(self, name: str, body: bytes) -> bytes:
        """Unlike every time before, for the same body too."""
        nonce = secrets.token_bytes(_NONCE)
        return _VERSION + nonce + self._cipher().encrypt(nonce, body, name.encode())

    def opened(self, name: str, sealed: bytes) -> bytes:
        """Raises: UsageError: it was sealed under another key or name, or is damaged."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # heavy, and only who has secrets needs it

        try:
            if sealed[:1] != _VERSION:
                raise InvalidTag
            return self._cipher().decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], name.encode())
        except InvalidTag:
            raise UsageError(
                f"the secret {name!r} was sealed under another key: is WEFT_SECRET_KEY the right one?"
            ) from None

    def _cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"weft secrets 1").derive(self._key)
        return AESGCM(derived)


def key_of(given: str | None, path: Path) -> bytes:
    """The key that was given, or else that in the file. Raises: UsageError."""
    return given.encode() if given else key_in(path.expanduser())


def key_in(path: Path) -> bytes:
    """The key in a file that only its owner may read; made where there is none.

    Raises:
        UsageError: others may read it, or it cannot be read or made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read(path)
        with os.fdopen(handle, "wb") as file:
            key = secrets.token_hex(32).encode()
            file.write(key)
        return key
    except OSError as error:
        raise UsageError(f"the secret key in {path} cannot be used: {error}; or set WEFT_SECRET_KEY") from error


def _read(path: Path) -> bytes:
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UsageError(f"others may read the secret key in {path}: chmod 600 {path}")
    return path.read_bytes().strip()
