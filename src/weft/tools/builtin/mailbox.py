"""A mailbox as IMAP has it, asked in a thread: a connection for each question, and nothing in it is changed."""

import email
import email.policy
from datetime import date
from email.message import EmailMessage
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError
from msgspec import Struct

from weft.documents.readable import title_and_text
from weft.errors import ToolFailed, ToolRetry
from weft.tools.builtin.servers import Server, trusting


class Wanted(Struct, frozen=True, kw_only=True):
    """Which messages."""

    words: str = ""
    sender: str = ""
    since: str = ""
    before: str = ""
    unread: bool = False


class Mailbox:
    """Each method of ``ask`` opens a connection, and closes it."""

    def __init__(self, server: Server, seconds: float, most: int) -> None:
        self._server, self._seconds, self._most = server, seconds, most

    def ask(self, what: str, *arguments: Any) -> Any:
        """``search``, ``read``, ``attachment`` or ``folders``. Raises: ToolFailed, ToolRetry."""
        asking = {"search": _search, "read": self._read, "attachment": self._attachment, "folders": _folders}[what]
        try:
            with self._opened() as box:
                return asking(box, *arguments)
        except LoginError as error:
            raise ToolFailed(f"the mail server does not take us: {error}") from None
        except (IMAPClientError, OSError) as error:
            raise ToolFailed(f"the mail server says: {str(error)[:500] or type(error).__name__}") from None

    def _opened(self) -> Any:
        at = self._server
        secure = at.scheme == "imaps"
        box: Any = IMAPClient(
            at.host, at.port, ssl=secure, ssl_context=trusting() if secure else None, timeout=self._seconds
        )
        try:
            if not secure and not at.here:
                box.starttls(trusting())
            box.login(at.user, at.password)
        except BaseException:
            box.shutdown()
            raise
        return box

    def _message(self, box: Any, id: int, folder: str) -> EmailMessage:
        _select(box, folder)
        sizes = box.fetch([id], ["RFC822.SIZE"])
        if id not in sizes:
            raise ToolRetry(f"there is no message {id} in {folder}")
        if (size := int(sizes[id][b"RFC822.SIZE"])) > self._most:
            raise ToolFailed(f"the message has {size:,} bytes, and {self._most:,} are read at most")
        told = box.fetch([id], ["BODY.PEEK[]"])[id][b"BODY[]"]
        return email.message_from_bytes(told, policy=email.policy.default)

    def _read(self, box: Any, id: int, folder: str) -> str:
        message = self._message(box, id, folder)
        names = ("From", "To", "Cc", "Date", "Subject", "Message-ID")
        lines = [f"{name}: {found}" for name in names if (found := _header(message, name))]
        lines += [f"Attached: {name} ({mime}, {len(body):,} bytes)" for name, mime, body in _attached(message)]
        return "\n".join([*lines, "", _text(message)])

    def _attachment(self, box: Any, id: int, name: str, folder: str) -> tuple[str, bytes]:
        found = _attached(self._message(box, id, folder))
        for known, mime, body in found:
            if known == name:
                return mime, body
        raise ToolRetry(f"message {id} has nothing attached as {name!r}; it has {[known for known, *_ in found]}")


def _select(box: Any, folder: str) -> None:
    try:
        box.select_folder(folder, readonly=True)
    except IMAPClientError:
        raise ToolRetry(f"there is no folder {folder!r}; list_mail_folders shows what there is") from None


def _folders(box: Any) -> str:
    return "\n".join(str(name) for flags, _, name in box.list_folders() if rb"\Noselect" not in flags)


def _search(box: Any, wanted: Wanted, folder: str, count: int) -> str:
    _select(box, folder)
    asked: list[Any] = ["UNSEEN"] if wanted.unread else []
    for name, told in (("TEXT", wanted.words), ("FROM", wanted.sender)):
        asked += [name, told] if told else []
    for name, day in (("SINCE", wanted.since), ("BEFORE", wanted.before)):
        asked += [name, _day(day)] if day else []
    foreign = not (wanted.words + wanted.sender).isascii()
    ids = sorted(box.search(asked or ["ALL"], charset="UTF-8" if foreign else None), reverse=True)
    if not ids:
        return "There are no such messages."
    told = box.fetch(ids[:count], ["FLAGS", "BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)]"])
    lines = [_line(id, told[id]) for id in ids[:count] if id in told]
    return "\n".join(lines + ([f"[{len(ids) - count} older ones]"] if len(ids) > count else []))


def _line(id: int, told: dict[bytes, Any]) -> str:
    head = next((value for name, value in told.items() if name.startswith(b"BODY[")), b"")
    message = email.message_from_bytes(head, policy=email.policy.default)
    new = "" if rb"\Seen" in told.get(b"FLAGS", ()) else " (unread)"
    date, sender, subject = (_header(message, name) for name in ("Date", "From", "Subject"))
    return f"{id} | {date} | {sender} | {subject}{new}"


def _day(told: str) -> date:
    try:
        return date.fromisoformat(told)
    except ValueError:
        raise ToolRetry(f"{told!r} is no day such as 2026-01-31") from None


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name) or "").split())
    except Exception:  # the standard library breaks on some headers that are out there
        raw = next((value for known, value in message.raw_items() if known.lower() == name.lower()), "")
        return " ".join(str(raw).split())


def _text(message: EmailMessage) -> str:
    try:
        body = message.get_body(("plain", "html"))
    except Exception:
        body = None
    if body is None:
        return "(no text)"
    text = _decoded(body)
    return title_and_text(text)[1] if body.get_content_type() == "text/html" else text.replace("\r\n", "\n").strip()


def _decoded(part: Any) -> str:
    body: bytes = part.get_payload(decode=True) or b""
    try:
        return body.decode(part.get_content_charset() or "utf-8", errors="replace")
    except LookupError:
        return body.decode(errors="replace")


def _attached(message: EmailMessage) -> list[tuple[str, str, bytes]]:
    found: list[tuple[str, str, bytes]] = []
    for part in message.walk():
        name = part.get_filename()
        if part.is_multipart() or not (name or part.get_content_disposition() == "attachment"):
            continue
        body: Any = part.get_payload(decode=True)
        found.append((name or f"part {len(found) + 1}", part.get_content_type(), bytes(body or b"")))
    return found
