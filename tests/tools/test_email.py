"""Mail that is really sent, delivered, found and read: over SMTP and over Dovecot's IMAP."""

import ssl
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.documents import made
from tests.given import given
from tests.services import MailServer, dovecot
from tests.tools.post import deliver, post
from weft import Agent, App
from weft.agents.trying import members
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.models.scripted import Scripted, call
from weft.tools.base import Tool
from weft.tools.builtin.email import Email
from weft.tools.run import Broke, run_tool


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    yield from given(dovecot())


@pytest.fixture(autouse=True)
def password(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", MailServer.password)


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A mailbox for each test."""
    return f"{request.node.name.replace('_', '-')}@example.com"


def email(server: MailServer, user: str, port: int = 9, **more: Any) -> Email:
    told = {"imap": f"imap://{user}@127.0.0.1:{server.port}", "smtp": f"smtp://{user}@127.0.0.1:{port}"}
    return Email(**{**told, "password": "os.environ/MAIL_PASSWORD", **more})


async def tools_of(tools: Email) -> dict[str, Tool]:
    return {each.name: each for each in await members(tools)}


async def ask(tools: Email, ctx: Context[Any], name: str, /, **arguments: Any) -> str:
    return (await run_tool((await tools_of(tools))[name], arguments, ctx)).content


async def test_sent_and_found_and_read(server: MailServer, user: str, ctx: Context[Any], tmp_path: Path) -> None:
    (tmp_path / "plan.pdf").write_bytes(made.pdf())
    async with post(server) as office:
        box = email(server, user, office.port, folder=tmp_path)
        assert [(each.name, each.effect, each.approval) for each in (await tools_of(box)).values()][-1] == (
            "send_email", "once", True,
        )  # fmt: skip
        sent = await ask(
            box, ctx, "send_email", to=[f"Ädá <{user}>"], bcc=["eve@example.com"], subject="Tea & Käse",
            text="Bring some Käse.\nBye", attach=["plan.pdf"],
        )  # fmt: skip
    assert sent == f"sent to {user}, eve@example.com"
    assert b"eve@example.com" not in office.taken[0].content
    found = await ask(box, ctx, "search_email", words="Käse", unread=True, since=date.today().isoformat())
    id, _, sender, subject = found.split(" | ")
    assert (id, sender, subject) == ("1", user, "Tea & Käse (unread)")
    read = await ask(box, ctx, "read_email", id=1)
    size = len((tmp_path / "plan.pdf").read_bytes())
    assert read.endswith(f"Attached: plan.pdf (application/pdf, {size:,} bytes)\n\nBring some Käse.\nBye")
    assert f"To: Ädá <{user}>" in read
    assert "(unread)" in await ask(box, ctx, "search_email")  # reading leaves no trace
    assert "[page 2]\n\n# Chapter 2" in await ask(box, ctx, "read_attachment", id=1, name="plan.pdf")
    assert await ask(box, ctx, "search_email", words="nothing of this") == "There are no such messages."
    assert await ask(box, ctx, "search_email", before=date.today().isoformat()) == "There are no such messages."
    assert sorted((await ask(box, ctx, "list_mail_folders")).split()) == ["INBOX", "Sent"]


async def test_the_same_activation_sends_the_same_id(server: MailServer, user: str, ctx: Context[Any]) -> None:
    async with post(server) as office:
        box = email(server, user, office.port)
        for _ in range(2):
            await ask(box, ctx, "send_email", to=[user], subject="a", text="b")
    one, two = (line for each in office.taken for line in each.content.splitlines() if line.startswith(b"Message-ID"))
    assert one == two


async def test_mail_of_others(server: MailServer, user: str, ctx: Context[Any]) -> None:
    web = b"Subject: =?utf-8?q?H=C3=A9?=\r\nContent-Type: text/html\r\n\r\n<p>one</p><script>bad()</script>"
    broken = (
        b"From: \xff <<>>\r\nSubject: a\r\n\tb\r\nDate: never\r\nContent-Type: text/plain; charset=nix\r\n\r\n\xff ok"
    )
    picture = b'Content-Type: image/png; name="a.png"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n'
    parts = b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n\r\nsee\r\n--x\r\n' + picture + b"--x--\r\n"
    for content in (web, broken, parts):
        deliver(server, user, content)
    box = email(server, user)
    assert (await ask(box, ctx, "read_email", id=1)).endswith("Subject: Hé\n\none")
    assert "Subject: a b" in (found := await ask(box, ctx, "read_email", id=2))
    assert found.endswith("ok")
    listed = (await ask(box, ctx, "search_email", count=2)).splitlines()
    assert [line.partition(" ")[0] for line in listed] == ["3", "2", "[1"]
    shown = await run_tool((await tools_of(box))["read_attachment"], {"id": 3, "name": "a.png"}, ctx)
    assert shown.media[0].data == b"\x89PNG"
    with pytest.raises(ToolRetry, match=r"nothing attached as 'b'; it has \['a\.png'\]"):
        await ask(box, ctx, "read_attachment", id=3, name="b")
    with pytest.raises(ToolRetry, match="there is no message 77 in INBOX"):
        await ask(box, ctx, "read_email", id=77)
    with pytest.raises(ToolRetry, match="there is no folder"):
        await ask(box, ctx, "search_email", folder='X" (ALL) {5}\r\nA LOGOUT')
    with pytest.raises(ToolRetry, match="no day such as"):
        await ask(box, ctx, "search_email", since="yesterday")


async def test_mail_that_cannot_be_sent(server: MailServer, user: str, ctx: Context[Any]) -> None:
    async with post(server) as office:
        box = email(server, user, office.port)
        with pytest.raises(ToolFailed, match="no such person") as refused:
            await ask(box, ctx, "send_email", to=["nobody@x.y"], subject="a", text="b")
        assert not isinstance(refused.value, Broke)
        told = await ask(box, ctx, "send_email", to=[user, "nobody@x.y"], subject="a", text="b")
        assert told == f"sent to {user}; refused for nobody@x.y"
        injected = "a\r\nBcc: x@y.z"
        wrong: list[dict[str, Any]] = [{"to": to} for to in ([f"a@b.c{injected}"], ["a@b.c, d@e.f"], ["ada"], [])]
        for bad in (*wrong, {"subject": injected}, {"answers": injected}):
            with pytest.raises(ToolRetry):
                await ask(box, ctx, "send_email", **{"to": [user], "subject": "a", "text": "b", **bad})
        assert len(office.taken) == 1
        office.dies = True
        with pytest.raises(Broke, match="went away while it was told"):
            await ask(box, ctx, "send_email", to=[user], subject="a", text="b")
    with pytest.raises(ToolFailed, match="does not take us") as away:
        await ask(box, ctx, "send_email", to=[user], subject="a", text="b")
    assert not isinstance(away.value, Broke)


async def test_a_mail_that_may_have_been_sent_is_not_sent_again(server: MailServer, user: str, tmp_path: Path) -> None:
    async with post(server) as office, App(store=f"sqlite:///{tmp_path}/weft.db") as app:
        office.dies = True
        box = email(server, user, office.port, approval=False)
        told = [call("send_email", to=[user], subject="a", text="b"), "Done."]
        result = await app.run(Agent("clerk", model=Scripted(told, order="turn"), tools=[box]), "Write to me")
        (question,) = result.questions
        assert question.kind == "outcome"
        assert len(office.taken) == 1


async def test_secrets_and_addresses(server: MailServer, user: str, ctx: Context[Any], monkeypatch: Any) -> None:
    with pytest.raises(UsageError, match="a password is not written down: give secret:NAME"):
        Email(password="hunter2")
    with pytest.raises(UsageError, match="has a password in it") as error:
        Email(imap="imap://me:hunter2@mail.example.com")
    assert "hunter2" not in str(error.value)
    with pytest.raises(UsageError, match=r"imap\|imaps://USER@HOST"):
        Email(imap="http://mail.example.com")
    with pytest.raises(ToolFailed, match="IMAP_URL is not set"):
        await ask(Email(), ctx, "search_email")
    monkeypatch.setenv("IMAP_URL", f"imap://{user}:se%2Fc%3Ar%40et@127.0.0.1:{server.port}")
    assert await ask(Email(smtp=None), ctx, "search_email") == "There are no such messages."
    monkeypatch.setenv("MAIL_PASSWORD", "wrong")
    with pytest.raises(ToolFailed, match="does not take us"):
        await ask(email(server, user), ctx, "search_email")


async def test_tls(server: MailServer, user: str, ctx: Context[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(server.certificate, server.certificate.with_name("key.pem"))
    async with post(server, tls) as office:
        places = {
            "imap": f"imaps://{user}@127.0.0.1:{server.secure}",
            "smtp": f"smtps://{user}@127.0.0.1:{office.port}",
        }
        box = email(server, user, **places)
        for name, arguments in (("search_email", {}), ("send_email", {"to": [user], "subject": "a", "text": "b"})):
            with pytest.raises(ToolFailed, match=r"(?i)certificate"):
                await ask(box, ctx, name, **arguments)
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        await ask(box, ctx, "send_email", to=[user], subject="over TLS", text="b")
        assert "over TLS" in await ask(box, ctx, "search_email")
