"""``Email``: search and read a mailbox by IMAP, send by SMTP; nothing is marked as read, and nothing is sent twice."""

import hashlib
import mimetypes
import os
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, getaddresses
from functools import partial
from typing import Any

from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, Unreadable, UsageError
from weft.messages import Media
from weft.tools.base import Approval, Returned, Tool
from weft.tools.builtin.documents import shown
from weft.tools.builtin.place import ROOT, Place, where_of
from weft.tools.builtin.servers import checked, server, trusting
from weft.tools.function import tool
from weft.tools.run import Broke
from weft.tools.threads import in_thread

SMTP = {"smtp": 587, "smtps": 465}
IMAP = {"imap": 143, "imaps": 993}
LARGEST = 25_000_000
"""Bytes of an attachment, and of a message that is read."""


class Email:
    """Tools for one mailbox: ``imaps://USER@HOST`` and ``smtps://USER@HOST``, either of them ``None`` to do without.

    ``password`` is ``secret:NAME`` or ``os.environ/NAME``; an address may be such a name too, and then hold the
    password. Without TLS (``imap``, ``smtp``) it is put on after the first words, and insisted on but on this machine.
    ``sender`` is who mails are from, if not the user of SMTP. Sending asks a person first, unless ``approval`` says
    otherwise. Attachments are files of ``folder``, or of the thread's own below ``root``. It needs ``weft[email]``.

    Raises:
        UsageError: a secret stands in the code, or an address is none.
    """

    def __init__(
        self,
        *,
        imap: str | None = "os.environ/IMAP_URL",
        smtp: str | None = "os.environ/SMTP_URL",
        password: str | None = None,
        sender: str | None = None,
        approval: Approval = True,
        folder: str | os.PathLike[str] | None = None,
        root: str | os.PathLike[str] = ROOT,
        seconds: float = 30.0,
    ) -> None:
        for url, ports in ((imap, IMAP), (smtp, SMTP)):
            if url is not None:
                checked(url, password, ports)
        if imap is None and smtp is None:
            raise UsageError("an Email has imap=, smtp= or both")
        self._imap, self._smtp, self._password = imap, smtp, password
        self._sender, self._approval, self._seconds = sender, approval, seconds
        self._place = Place(where_of(folder, root))
        self._made: list[Tool] | None = None

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            timeout = self._seconds * 3
            self._made = []
            if self._imap:
                self._made = [
                    tool(self.search_email, effect="read", timeout=timeout).tool,
                    tool(self.read_email, effect="read", timeout=timeout).tool,
                    tool(self.read_attachment, effect="read", timeout=timeout).tool,
                    tool(self.list_mail_folders, effect="read", timeout=timeout).tool,
                ]
            if self._smtp:
                sending = tool(self.send_email, effect="once", approval=self._approval, timeout=timeout)
                self._made.append(sending.tool)
        return self._made

    async def search_email(
        self,
        words: str = "",
        sender: str = "",
        since: str = "",
        before: str = "",
        unread: bool = False,
        folder: str = "INBOX",
        count: int = 20,
    ) -> str:
        """Find messages of the mailbox, newest first: their ids, dates, senders and subjects.

        Args:
            words: What must stand somewhere in them.
            sender: A name or address of who sent them.
            since: The first day, such as 2026-01-31.
            before: The day after the last one.
            unread: Whether only those that nobody has read.
            folder: As list_mail_folders names it.
            count: How many at most, up to 100.
        """
        wanted = _mailbox().Wanted(words=words, sender=sender, since=since, before=before, unread=unread)
        return await self._ask("search", wanted, folder, max(1, min(count, 100)))

    async def read_email(self, id: int, folder: str = "INBOX") -> str:
        """Read a message: who, when, its text, and the names of its attachments.

        Args:
            id: As search_email tells it.
            folder: Where it was found.
        """
        return await self._ask("read", id, folder)

    async def read_attachment(self, id: int, name: str, folder: str = "INBOX") -> Returned:
        """Read what is attached to a message: documents as text, pictures as pictures.

        Args:
            id: Of the message.
            name: Of the attachment, as read_email tells it.
            folder: Where the message was found.
        """
        from weft.documents.reading import read  # noqa: PLC0415  # only for those who read them

        mime, body = await self._ask("attachment", id, name, folder)
        if mime in ("image/png", "image/jpeg", "image/gif", "image/webp"):
            return Returned(content=name, media=(Media(mime=mime, data=body, name=name),))
        try:
            return Returned(content=shown(await read(body, name=name), name))
        except Unreadable as error:
            raise ToolFailed(str(error)) from None

    async def list_mail_folders(self) -> str:
        """List the folders of the mailbox."""
        return await self._ask("folders")

    async def _ask(self, what: str, *arguments: Any) -> Any:
        assert self._imap is not None
        box = _mailbox().Mailbox(await server(self._imap, self._password, IMAP), self._seconds, LARGEST)
        return await in_thread(partial(box.ask, what, *arguments))

    async def send_email(
        self,
        to: list[str],
        subject: str,
        text: str,
        ctx: Context[Any],
        cc: list[str] | None = None,
        bcc: list[str] | None = None,
        attach: list[str] | None = None,
        answers: str = "",
    ) -> str:
        """Send a message.

        Args:
            to: Addresses, such as "ada@example.com" or "Ada <ada@example.com>".
            subject: One line.
            text: All of it, as plain text.
            cc: Who gets a copy.
            bcc: Who gets a copy without the others knowing.
            attach: Files of the folder.
            answers: The message id of what it is an answer to, as read_email tells it.
        """
        assert self._smtp is not None
        at = await server(self._smtp, self._password, SMTP)
        sender = self._sender or (at.user if "@" in at.user else "")
        if not sender:
            raise ToolFailed("nobody said who mails are from: give sender=")
        copies = {"To": to, "Cc": cc or [], "Bcc": bcc or []}
        everybody = [address for each in copies.values() for address in addresses(each)]
        if not everybody:
            raise ToolRetry("give at least one address to send it to")
        mark = hashlib.sha256(ctx.idempotency_key.encode()).hexdigest()[:32]
        message = composed(sender, copies, subject, text, answers)
        message["Message-ID"] = f"<{mark}@{addresses([sender])[0].rpartition('@')[2]}>"
        for path in attach or []:
            kind, _, form = (mimetypes.guess_type(path)[0] or "application/octet-stream").partition("/")
            body = await self._place.read(ctx, path, LARGEST)
            message.add_attachment(body, maintype=kind, subtype=form, filename=path.rpartition("/")[2])
        return await self._send(message, addresses([sender])[0], everybody)

    async def _send(self, message: EmailMessage, sender: str, everybody: list[str]) -> str:
        try:
            import aiosmtplib  # noqa: PLC0415
        except ImportError:
            raise ToolFailed("sending mail needs the extra weft[email]") from None
        assert self._smtp is not None
        at = await server(self._smtp, self._password, SMTP)
        client = aiosmtplib.SMTP(
            hostname=at.host,
            port=at.port,
            username=at.user if at.password else None,
            password=at.password or None,
            use_tls=at.scheme == "smtps",
            start_tls=None if at.here or at.scheme == "smtps" else True,
            tls_context=trusting(),
            timeout=self._seconds,
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise ToolFailed(f"the mail server does not take us: {error}") from None
        try:
            refused, _ = await client.send_message(message, sender=sender, recipients=everybody)
        except (
            aiosmtplib.SMTPResponseException,
            aiosmtplib.SMTPRecipientsRefused,
            aiosmtplib.SMTPNotSupported,
        ) as error:
            raise ToolFailed(f"the mail server refuses it: {error}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Broke(f"the mail server went away while it was told: {error}") from None
        finally:
            client.close()
        lost = f"; refused for {', '.join(refused)}" if refused else ""
        return f"sent to {', '.join(each for each in everybody if each not in refused)}{lost}"


def _mailbox() -> Any:
    try:
        from weft.tools.builtin import mailbox  # noqa: PLC0415  # the extra weft[email]
    except ImportError:
        raise ToolFailed("reading mail needs the extra weft[email]") from None
    return mailbox


def composed(sender: str, copies: dict[str, list[str]], subject: str, text: str, answers: str) -> EmailMessage:
    """The message, without what is attached. Blind copies are in no header.

    Raises:
        ToolRetry: it cannot be written like that.
    """
    message = EmailMessage()
    try:
        message["From"] = sender
        for name in ("To", "Cc"):
            if copies[name]:
                message[name] = ", ".join(copies[name])
        message["Subject"] = subject
        message["Date"] = formatdate(localtime=True)
        if answers:
            message["In-Reply-To"] = message["References"] = answers
        message.set_content(text)
    except (ValueError, IndexError) as error:
        raise ToolRetry(f"that cannot be a message: {error}") from None
    return message


def addresses(told: list[str]) -> list[str]:
    """The addresses alone.

    Raises:
        ToolRetry: one of them is none.

    >>> addresses(["Ada <ada@example.com>", "bob@example.com"])
    ['ada@example.com', 'bob@example.com']
    """
    found: list[str] = []
    for each in told:
        parsed = getaddresses([each])
        address = parsed[0][1] if len(parsed) == 1 else ""
        name, at, domain = address.rpartition("@")
        if not (name and at and domain) or not address.isprintable() or set(address) & set(" <>()\\"):
            raise ToolRetry(f"{each!r} is no address: give one each, such as ada@example.com")
        found.append(address)
    return found
