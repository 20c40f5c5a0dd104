"""A message as it is sent: its headers, with text and HTML parts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_string
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from urllib.parse import urlsplit

from .. import clock
from ..domains import is_read_in_two_ways
from ..outbox import UndeliverableError
from ..settings import Settings
from .mail_queue import QueuedMail

#: The sender's domain if none is set, as in the demo.
LOCAL_DOMAIN = "localhost"
_AS_READ = SMTP.clone(utf8=True)


@dataclass(frozen=True, slots=True)
class Content:
    """The texts of a message."""

    subject: str
    text: str
    html: str


class Envelope:
    """The headers of every message of a server."""

    def __init__(self, settings: Settings) -> None:
        name, spec = parseaddr(settings.mail_from)
        host = urlsplit(settings.issuer).hostname or LOCAL_DOMAIN
        self._sender = address_of(spec or f"no-reply@{host}", name or settings.display_name)
        self._reply_to = settings.mail_reply_to
        self._has_utf8 = not self._sender.addr_spec.isascii()

    @property
    def sender(self) -> str:
        """Return the address that the server sends from."""
        return self._sender.addr_spec

    def write(self, message: QueuedMail, content: Content) -> EmailMessage:
        """Return a message. Raises :class:`UndeliverableError` for an address that no header can hold.

        ``Message-ID`` is the row's, so that a repeated message can be recognized (:rfc:`5322#section-3.6.4`).
        """
        written = EmailMessage(policy=SMTP)
        try:
            written["From"] = self._sender
            written["To"] = address_of(message.address)
            written["Subject"] = " ".join(content.subject.split())
            if self._reply_to:
                name, spec = parseaddr(self._reply_to)
                written["Reply-To"] = address_of(spec, name)
        except (ValueError, IndexError) as error:
            raise UndeliverableError(f"a header can't be written: {type(error).__name__}") from None
        written["Date"] = format_datetime(datetime.fromtimestamp(clock.now(), UTC))
        written["Message-ID"] = f"<{message.id}@{self._sender.domain}>"
        written["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply, please
        written.set_content(content.text)
        written.add_alternative(content.html, subtype="html")
        if not _reads_as_written(written, address_of(message.address).addr_spec):
            raise UndeliverableError("a header can't be written: it would be read as another one")
        return written


def _reads_as_written(written: EmailMessage, receiver: str) -> bool:
    """Tell whether a message has the same headers when it's read, each of one line, and one receiver.

    ``EmailMessage`` decodes encoded words (:rfc:`2047`) in the values that it's given, and writes their line breaks.
    """
    try:
        read = message_from_string(written.as_string(policy=_AS_READ), policy=_AS_READ)
    except ValueError:  # by later releases of Python
        return False
    receivers = [address.addr_spec for address in read["To"].addresses]
    values = [str(value) for value in (*written.values(), *read.values())]
    has_line_break = any(character in value for value in values for character in "\r\n\0")
    return receivers == [receiver] and read.keys() == written.keys() and not has_line_break


def address_of(spec: str, name: str = "") -> Address:
    """Return an address with its domain in ASCII. Raises ``ValueError`` for what is none."""
    local, at, domain = spec.rpartition("@")
    if (
        not at
        or not local
        or not domain
        or "=?" in spec
        or is_read_in_two_ways(domain)
        or any(character < " " or character == "\x7f" for character in spec + name)
    ):
        raise ValueError("not an email address")
    return Address(name, local, domain if domain.isascii() else domain.encode("idna").decode("ascii"))
