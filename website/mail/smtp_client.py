"""The SMTP server that takes our emails: connecting with or without TLS, logging in, and handing one message over."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from urllib.parse import urlsplit

import certifi

from ..outbox import UndeliverableError
from ..settings import NO_TLS, STARTTLS, TLS, Settings

#: The port for each kind of security, unless another is set.
PORTS = {STARTTLS: 587, TLS: 465, NO_TLS: 25}
MAX_REASON_CHARACTERS = 200


class SmtpClient:
    """One SMTP server. Each message has a connection of its own, so that one that hangs delays no other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._port = settings.smtp_port or PORTS.get(settings.smtp_security, 0)
        #: What we call ourselves; without it smtplib would ask the name servers.
        self._own_name = urlsplit(settings.issuer).hostname or "localhost"

    def send(self, message: EmailMessage, recipient: str) -> None:
        """Hand a message over. Returns once the server has accepted it.

        Raises :class:`UndeliverableError` if it never will, and ``OSError`` (``SMTPException`` is one) otherwise.
        """
        deadline = time.monotonic() + self._settings.smtp_seconds
        with self._connect() as connection, _closed_at(connection, deadline):
            self._log_in(connection)
            if time.monotonic() >= deadline:  # another sender may take over soon
                raise TimeoutError("the SMTP server was too slow")
            sender, receiver = message["From"].addresses[0].addr_spec, message["To"].addresses[0].addr_spec
            connection.ehlo_or_helo_if_needed()  # what it can do is asked for no earlier, and again after STARTTLS
            if not receiver.isascii() and not connection.has_extn("smtputf8"):
                raise UndeliverableError("the SMTP server doesn't accept addresses beyond ASCII")
            try:
                connection.send_message(message, sender, [receiver])
            except smtplib.SMTPRecipientsRefused as error:
                code, reply = error.recipients[receiver]
                _raise_if_final(code, reply)
                raise smtplib.SMTPResponseException(code, reply) from None  # without the address
            except smtplib.SMTPDataError as error:
                _raise_if_final(error.smtp_code, error.smtp_error)
                raise

    def _connect(self) -> smtplib.SMTP:
        host, seconds = self._settings.smtp_host, self._settings.smtp_seconds
        if self._settings.smtp_security == TLS:
            return smtplib.SMTP_SSL(host, self._port, self._own_name, timeout=seconds, context=self._tls())
        return smtplib.SMTP(host, self._port, self._own_name, timeout=seconds)

    def _log_in(self, connection: smtplib.SMTP) -> None:
        settings = self._settings
        if settings.smtp_security == STARTTLS:
            connection.starttls(context=self._tls())  # raises if the server offers none: never without
        if settings.smtp_user:
            connection.login(settings.smtp_user, settings.smtp_password)

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.outbound_ca or certifi.where())


@contextmanager
def _closed_at(connection: smtplib.SMTP, deadline: float) -> Iterator[None]:
    """Close a connection at a deadline, even if the server keeps sending a byte now and then."""

    def close() -> None:
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _raise_if_final(code: int, reply: bytes | str) -> None:
    if 500 <= code < 600:
        raise UndeliverableError(describe_reply(code, reply))


def describe_failure(error: Exception) -> str:
    """Return why a message wasn't accepted, for the operator. A failed login's reply is left out."""
    if isinstance(error, UndeliverableError):
        return str(error)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{error.smtp_code}: the SMTP server refused our username or password"
    if isinstance(error, smtplib.SMTPResponseException):
        return describe_reply(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"{error} Check OAUTH2_SMTP_SECURITY."[:MAX_REASON_CHARACTERS]
    if isinstance(error, ssl.SSLError):
        return f"{error} Check OAUTH2_SMTP_SECURITY, OAUTH2_SMTP_PORT and OAUTH2_OUTBOUND_CA."[:MAX_REASON_CHARACTERS]
    return f"{type(error).__name__}: {error}"[:MAX_REASON_CHARACTERS] if str(error) else type(error).__name__


def describe_reply(code: int, reply: bytes | str) -> str:
    """Return a server's reply in one line of printable characters."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    line = "".join(character if character.isprintable() else " " for character in text)
    return f"{code} {line}"[:MAX_REASON_CHARACTERS]
