"""The chain of the audit: each row is sealed together with all before it in its workspace, by the database itself.

A *seal* is 64 bytes: the SHA-256 of a row, and that of the seal before it with this one's place and row. The seals are
made by triggers, in the transaction that adds the row: in PostgreSQL by a function of its own, beside SQLite by ours.
"""

import sqlite3
from hashlib import sha256
from struct import Struct
from typing import Any

FIRST = bytes(32)
"""What stands before the first link."""

SEALED = (
    *("at", "run_id", "seq", "user_id", "agent", "tool", "call_id", "effect", "decision", "rule", "answer"),
    *("sources", "arguments", "result", "failed", "duration"),
)
"""What of a row is sealed, in this order."""
_FLOATS, _NUMBERS = ("at",), ("seq", "failed", "duration")
_BYTES = ("arguments", "result")

_number, _float, _length = Struct(">q").pack, Struct(">d").pack, Struct(">i").pack
_NOTHING = _length(-1)


def digest_of(values: tuple[Any, ...]) -> bytes:
    """The SHA-256 of a row, of its values in the order of ``SEALED``: each after its length, in bytes."""
    parts: list[bytes] = []
    for value in values:
        if value is None:
            parts.append(_NOTHING)
            continue
        if isinstance(value, str):
            body = value.encode()
        elif isinstance(value, bytes):
            body = value
        else:
            body = _float(value) if isinstance(value, float) else _number(value)
        parts += (_length(len(body)), body)
    return sha256(b"".join(parts)).digest()


def link_of(before: bytes, n: int, at: float, run_id: str, seq: int, digest: bytes) -> bytes:
    """The hash of a link: of the one before it, of its own place, and of its row."""
    run = run_id.encode()
    return sha256(before + _number(n) + _float(at) + _length(len(run)) + run + _number(seq) + digest).digest()


def _seal(before: bytes | None, n: int, *values: Any) -> bytes:
    digest = digest_of(values)
    return digest + link_of(FIRST if before is None else before[32:], n, values[0], values[1], values[2], digest)


_SQLITE = f"""
CREATE TEMP TRIGGER weft_sealed AFTER INSERT ON main.audit BEGIN
  INSERT INTO audit_links (workspace, n, at, run_id, seq, seal)
  SELECT new.workspace, coalesce(last.n, 0) + 1, new.at, new.run_id, new.seq, weft_seal(seal, coalesce(last.n, 0) + 1, {
    ", ".join("user_id" if name == "user_id" else f"new.{name}" for name in SEALED)
})
  FROM owners LEFT JOIN
    (SELECT n, seal FROM audit_links WHERE workspace = new.workspace ORDER BY n DESC LIMIT 1) AS last ON 1
  WHERE owners.n = new.owner;
END"""


def seal_in(connection: sqlite3.Connection) -> None:
    """From now on, what this connection adds to the audit is sealed."""
    connection.create_function("weft_seal", 2 + len(SEALED), _seal, deterministic=True)
    connection.execute(_SQLITE)


def _field(name: str) -> str:
    value = f"used.{name}"
    if name in _FLOATS:
        body = f"float8send({value})"
    elif name in _NUMBERS:
        body = f"int8send({value}::bigint)"
    else:
        body = value if name in _BYTES else f"convert_to({value}, 'UTF8')"
    return f"coalesce(int4send(octet_length({body})) || {body}, int4send(-1))"


LOCK = 7_265_661
"""With a workspace's number the lock of its chain, in PostgreSQL."""

_FUNCTION = f"""
CREATE FUNCTION audit_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  used record;
  place bigint;
  chain bigint := -1;
  link bytea;
  digest bytea;
BEGIN
  FOR used IN SELECT added.*, owners.user_id FROM added LEFT JOIN owners ON owners.n = added.owner
    ORDER BY added.workspace, added.at, added.run_id, added.seq
  LOOP
    IF used.workspace <> chain THEN
      chain := used.workspace;
      PERFORM pg_advisory_xact_lock({LOCK}, chain::int);
      SELECT n, substr(seal, 33) INTO place, link FROM audit_links WHERE workspace = chain ORDER BY n DESC LIMIT 1;
      IF NOT FOUND THEN
        place := 0;
        link := decode(repeat('00', 32), 'hex');
      END IF;
    END IF;
    place := place + 1;
    digest := sha256({" || ".join(_field(name) for name in SEALED)});
    link := sha256(link || int8send(place) || float8send(used.at) || int4send(octet_length(convert_to(used.run_id,
      'UTF8'))) || convert_to(used.run_id, 'UTF8') || int8send(used.seq) || digest);
    INSERT INTO audit_links (workspace, n, at, run_id, seq, seal)
      VALUES (chain, place, used.at, used.run_id, used.seq, digest || link);
  END LOOP;
  RETURN NULL;
END
$$"""

POSTGRES = (
    _FUNCTION,
    "CREATE TRIGGER audit_sealed AFTER INSERT ON audit REFERENCING NEW TABLE AS added "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_sealed()",
)
"""What a PostgreSQL database needs to seal rows. One lock at a time, in the order of workspaces."""
