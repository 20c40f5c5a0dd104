"""A real SMTP server (aiosmtpd) that collects what it is sent, and can refuse, hang or hang up."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from tests.support.certificates import make_certificate
from tests.support.ports import reserve_port
from tests.support.waiting import wait_until

USER, PASSWORD = "grantwright", "kRt8-pQ2w-Zm5x-Lb7c"
OK = "250 OK"
FROM = "Example Org <login@example.org>"
#: Settings by which emails are added to the outbox, and stay there.
UNSENT_MAIL = {
    "OAUTH2_SMTP_HOST": "127.0.0.1",
    "OAUTH2_SMTP_SECURITY": "none",
    "OAUTH2_MAIL_FROM": "login@example.org",
    "OAUTH2_SENDS_NOTICES": False,
}
LINK = re.compile(r"https?://\S+")


class MailServer:
    """The server, its mailboxes, and how it answers."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.logins: list[str] = []
        #: The answer to RCPT and to DATA; one that is empty hangs up instead, after the message was read.
        self.to_recipient = self.to_message = OK
        #: Set to hold DATA back until it's cleared.
        self.hangs = threading.Event()
        self.held = 0
        #: How long it takes over each message.
        self.wait_seconds = 0.0
        self.settings: dict[str, Any] = {}

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:
        if self.to_recipient == OK:
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, server: Any, _session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        if self.hangs.is_set():
            self.held += 1
            while self.hangs.is_set():
                await asyncio.sleep(0.02)
        await asyncio.sleep(self.wait_seconds)
        if self.to_message in (OK, ""):
            self.messages.append(message_from_bytes(envelope.content, policy=default))
        if not self.to_message:
            server.transport.abort()
        return self.to_message or OK

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        assert isinstance(login, LoginPassword)
        self.logins.append(login.login.decode())
        return AuthResult(success=(login.login, login.password) == (USER.encode(), PASSWORD.encode()))

    def wait_for(self, count: int) -> list[EmailMessage]:
        wait_until(lambda: len(self.messages) >= count)
        return self.messages

    def take(self) -> list[EmailMessage]:
        """Return what has arrived since the last time."""
        arrived, self.messages = self.messages, []
        return arrived


def plain_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def link_of(message: EmailMessage) -> str:
    """Return the first address in the plain text."""
    found = LINK.search(plain_of(message))
    assert found is not None
    return found.group()


@contextmanager
def open_mail_server(
    folder: Path, security: str = "none", *, authenticates: bool = False, takes_all_addresses: bool = True
) -> Iterator[MailServer]:
    """Serve on a loopback port; ``settings`` are those of an application that sends to it."""
    folder.mkdir(exist_ok=True, parents=True)
    mail, port = MailServer(), reserve_port(folder)
    options: dict[str, Any] = {"enable_SMTPUTF8": takes_all_addresses}
    mail.settings = {
        "OAUTH2_SMTP_HOST": "127.0.0.1",
        "OAUTH2_SMTP_PORT": port,
        "OAUTH2_SMTP_SECURITY": security,
        "OAUTH2_MAIL_FROM": FROM,
    }
    if security != "none":
        certificate, key = make_certificate(folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        options["ssl_context" if security == "tls" else "tls_context"] = context
        mail.settings["OAUTH2_OUTBOUND_CA"] = str(certificate)
    if authenticates:
        # aiosmtpd warns where a login is required without STARTTLS.
        is_required = security == "starttls"
        options |= {"authenticator": mail.authenticate, "auth_required": is_required, "auth_require_tls": is_required}
        mail.settings |= {"OAUTH2_SMTP_USER": USER, "OAUTH2_SMTP_PASSWORD": PASSWORD}
    controller = Controller(mail, "127.0.0.1", port, require_starttls=security == "starttls", **options)
    controller.start()
    try:
        yield mail
    finally:
        mail.hangs.clear()
        controller.stop()
