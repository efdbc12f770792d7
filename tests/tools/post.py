"""A post office on this machine: what is sent by SMTP arrives in a mailbox of Dovecot."""

import asyncio
import imaplib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

from tests.services import MailServer


class Post:
    """Takes mail for anybody but ``nobody@``; ``dies`` hangs up once it was told all."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self.port = 0
        self.taken: list[Any] = []
        self.dies = False

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append(envelope)
        for address in envelope.rcpt_tos:
            await asyncio.to_thread(deliver, self._server, address, envelope.content)
        if self.dies:
            server.transport.abort()
        return "250 taken"

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, told: Any) -> AuthResult:
        return AuthResult(success=told.password == self._server.password.encode(), handled=False)


def deliver(server: MailServer, address: str, content: bytes, folder: str = "INBOX") -> None:
    """Put a message into somebody's mailbox."""
    box = imaplib.IMAP4("127.0.0.1", server.port)
    box.login(address, server.password)
    box.append(folder, "", "", content)
    box.logout()


@asynccontextmanager
async def post(server: MailServer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Post]:
    here = Post(server)
    listening = await asyncio.get_running_loop().create_server(
        lambda: SMTP(here, authenticator=here.login, auth_require_tls=False, hostname="post.example"),
        "127.0.0.1",
        0,
        ssl=tls,
    )
    here.port = listening.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        listening.close()
        await listening.wait_closed()
