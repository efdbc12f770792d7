"""Names of tools that every provider takes, from whatever a server calls them."""

import hashlib
import re

_OTHER = re.compile(r"[^a-zA-Z0-9_-]")


def safe(name: str) -> str:
    """The name itself where it will do; else as near as possible, and unlike any other.

    >>> safe("search"), safe("files/read"), len(safe("x" * 200))
    ('search', 'files_read_2b73', 64)
    """
    plain = _OTHER.sub("_", name)
    if plain == name and 0 < len(name) <= 64:
        return name
    mark = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:4]
    return f"{plain[:59]}_{mark}"
