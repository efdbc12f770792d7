"""An index by its address, as a configuration names it."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from weft.errors import UsageError
from weft.vectors.base import VectorIndex


def open_index(address: str = "memory") -> VectorIndex:
    """The index at an address; nothing is opened before it is asked.

    ``memory``, ``usearch:///folder`` and ``faiss:///folder`` (four slashes for a whole path),
    ``postgresql://user:password@host/database``, ``redis://host:6379/0?ttl=3600`` (seconds),
    ``qdrant://host:6333`` (``qdrants://`` for TLS, ``?api_key=``), ``qdrant:///folder``.

    >>> type(open_index("usearch:///vectors")).__name__
    'Usearch'
    >>> open_index("mysql://")
    Traceback (most recent call last):
    ...
    weft.errors.UsageError: 'mysql' is no kind of index: memory, usearch, faiss, postgresql, redis or qdrant

    Raises:
        UsageError: there is no such kind, or the address is incomplete.
    """
    parts = urlsplit(address)
    kind = parts.scheme or parts.path
    if kind == "memory":
        from weft.vectors.exact import Exact  # noqa: PLC0415  # each is a door to a library

        return Exact()
    if kind in ("usearch", "faiss"):
        return _in_folder(kind, parts.path[1:])
    if kind in ("postgresql", "postgres"):
        from weft.vectors.pgvector import PgVector  # noqa: PLC0415

        return PgVector(address)
    if kind in ("redis", "rediss", "unix"):
        return _in_redis(address)
    if kind in ("qdrant", "qdrants"):
        from weft.vectors.qdrant import Qdrant  # noqa: PLC0415

        scheme = "https" if kind == "qdrants" else "http"
        where = f"{scheme}://{parts.netloc}" if parts.netloc else parts.path[1:] or ":memory:"
        return Qdrant(where, api_key=dict(parse_qsl(parts.query)).get("api_key"))
    raise UsageError(f"{kind!r} is no kind of index: memory, usearch, faiss, postgresql, redis or qdrant")


def _in_folder(kind: str, folder: str) -> VectorIndex:
    if not folder:
        raise UsageError(f"{kind}:// names no folder: {kind}:///vectors is one beside you")
    if kind == "faiss":
        from weft.vectors.faiss import Faiss  # noqa: PLC0415

        return Faiss(folder)
    from weft.vectors.usearch import Usearch  # noqa: PLC0415

    return Usearch(folder)


def _in_redis(address: str) -> VectorIndex:
    from weft.vectors.redis import InRedis  # noqa: PLC0415

    parts = urlsplit(address)
    options = dict(parse_qsl(parts.query))
    told = options.pop("ttl", "3600")
    try:
        ttl = float(told)
    except ValueError as error:
        raise UsageError(f"ttl={told!r} is no number of seconds") from error
    return InRedis(parts._replace(query=urlencode(options)).geturl(), ttl=ttl)
