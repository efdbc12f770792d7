"""What a text also says to programs: where a path really leads, whom a list of addresses names."""

import posixpath
import re
from urllib.parse import unquote, urlsplit

_STEPS = ("", ".", "..")
_SLASH = re.compile(r"[/\\]")
_LISTED = re.compile(r"[,;\r\n]+")
_WORDS = re.compile(r"[\s,;<>\"'()|]+")
_PORTS = {"http": ":80", "https": ":443"}


def resolved(text: str) -> str:
    """Where a path or an address leads, once its steps are walked; any other text as it is.

    >>> resolved("/tmp/../etc//passwd"), resolved("https://a.example@b.example:443/x/%2e%2e/y"), resolved("and/or")
    ('/etc/passwd', 'https://b.example/y', 'and/or')
    """
    if "\n" in text:
        return text
    return _address(text) if "://" in text else _path(text)


def _path(path: str) -> str:
    parts = _SLASH.split(path)
    if not any(part in _STEPS for part in (*parts[1:-1], *[part for part in (parts[0], parts[-1]) if part])):
        return path
    walked = posixpath.normpath(path.replace("\\", "/"))
    return f"/{walked.lstrip('/')}" if walked.startswith("/") else walked


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    if not parts.scheme:
        return text
    host = parts.netloc.rpartition("@")[2].removesuffix(_PORTS.get(parts.scheme, ":"))
    end = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{host}{_path(unquote(parts.path))}{end}"


def named(text: str) -> list[str]:
    """Addresses in a text, each by itself.

    >>> named("Ada <ada@a.example>, bob@b.example; see https://c.example")
    ['ada@a.example', 'bob@b.example', 'https://c.example']
    """
    if "@" not in text and "://" not in text:
        return []
    return [word for word in _WORDS.split(text) if "@" in word or "://" in word]


def listed(text: str, like: str) -> list[str]:
    """The entries of what looks like a list, where ``like`` says how one address is.

    >>> listed("root, a@a.example b@b.example", "*@b.example")
    ['root', 'a@a.example b@b.example', 'a@a.example', 'b@b.example']
    >>> listed("a, b", "*"), listed("a@a.example, b@b.example", "a@a.example, *")
    ([], [])
    """
    if "://" in like:
        words = text.split()
        return words if len(words) > 1 and "://" in text else []
    if "@" not in like or _LISTED.search(like):
        return []
    entries = [entry.strip() for entry in _LISTED.split(text) if entry.strip()]
    words = [word.strip(",;") for word in text.split() if "@" in word]
    return (entries if len(entries) > 1 else []) + (words if len(words) > 1 and " " not in like else [])
