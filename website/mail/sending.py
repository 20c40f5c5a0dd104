"""Mail of one server: adding messages to the outbox, and sending them, by SMTP or to the demo's folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from .. import clock
from ..database import Database, Statement, Writer
from ..database.tables import table_of
from ..logs import get_logger
from ..models.user import User
from ..outbox import OutboxSender, UndeliverableError
from ..request_context import current_environ
from ..settings import Settings
from .demo_folder import DemoFolder
from .kinds import KINDS, NOTICE_SECONDS
from .mail_queue import (
    ADD_TO_ACCOUNT,
    ADD_TO_ADDRESS,
    ADD_TO_DEMO_ACCOUNT,
    ADD_TO_STRANGER,
    MailMessages,
    QueuedMail,
)
from .message_headers import Content, Envelope
from .smtp_client import SmtpClient, describe_failure

#: A claim lasts this much longer than sending may take.
CLAIM_MARGIN_SECONDS = 15
#: A request that adds a message is as quick as one that adds none: sending begins later.
DELAY_SECONDS = 0.3
#: The demo's, in a command, which has no request.
DEMO_ISSUER = "http://127.0.0.1:5000"
MAX_USER_AGENT_CHARACTERS = 255
log = get_logger("grantwright.mail")
_user = table_of(User).c
READ_USERNAME = Statement(select(_user.username).where(_user.id == bindparam("id_")))
#: Writes the texts of a message of a kind, in a language, from its facts.
Write = Callable[[str, str | None, dict[str, Any]], Content]
#: Returns what a message says besides its facts, such as the ``path`` of a link made for it, below the issuer;
#: ``None`` if it's no longer wanted.
Prepare = Callable[[QueuedMail], dict[str, Any] | None]


class Delivery(Protocol):
    """A way of delivering a message. Raises an exception unless it was accepted."""

    def send(self, message: QueuedMail, content: Content) -> None: ...


@dataclass(frozen=True, slots=True)
class _BySmtp:
    server: SmtpClient
    envelope: Envelope

    def send(self, message: QueuedMail, content: Content) -> None:
        self.server.send(self.envelope.write(message, content), message.address)


class Mail:
    """The mail of one server; adding to it does nothing where there is no way to send it."""

    def __init__(
        self, database: Database, settings: Settings, *, is_embedded: bool, find_issuer: Callable[[], str]
    ) -> None:
        """An embedding application has its own mail. ``find_issuer`` returns the issuer of the current request."""
        self._database = database
        self._settings = settings
        self._find_issuer = find_issuer
        #: Whether messages are sent at all: never for an embedding application, which has its own.
        self.is_on = not is_embedded and (settings.demo or bool(settings.smtp_host))
        self.messages = MailMessages(database, settings.smtp_seconds + CLAIM_MARGIN_SECONDS)
        self.sender = OutboxSender(self.messages, self._send, _log_failure, name="mail", delay_seconds=DELAY_SECONDS)
        self.demo_folder = DemoFolder(settings) if settings.demo else None
        self._delivery: Delivery = self.demo_folder or _BySmtp(SmtpClient(settings), Envelope(settings))
        self._prepare_by: dict[str, Prepare] = {}
        self._write: Write | None = None

    def add(
        self,
        transaction: Session | Writer,
        kind: str,
        user_id: int | None,
        *,
        address: str | None = None,
        language: str | None = None,
        **facts: Any,
    ) -> None:
        """Add a message to the outbox in the caller's transaction: to an account's verified address, or to ``address``.

        Does nothing if mail is off, or the account has no verified address (in the demo, any will do) or is disabled.
        The row also keeps when and from where the change was made, which notices say. ``facts`` are what the kind's
        template names, as JSON values; never a secret: a link is made by the kind's :meth:`register_preparation`.
        ``language`` is for somebody without an account.
        """
        if kind not in KINDS:
            raise ValueError(f"No such kind of mail: {kind}")
        if not self.is_on:
            return
        seconds, all_facts = KINDS[kind], {**self._circumstances(), **facts}
        if user_id is None:
            if address is None:
                raise ValueError("A message needs an account or an address.")
            names = {"address_": address, "language_": language}
            self.messages.add(transaction, ADD_TO_STRANGER, kind, seconds, all_facts, **names)
        elif address is not None:
            self.messages.add(transaction, ADD_TO_ADDRESS, kind, seconds, all_facts, user_=user_id, address_=address)
        else:
            statement = ADD_TO_DEMO_ACCOUNT if self._settings.demo else ADD_TO_ACCOUNT
            self.messages.add(transaction, statement, kind, seconds, all_facts, user_=user_id)

    def register_preparation(self, kind: str, prepare: Prepare) -> None:
        """Have ``prepare`` called whenever a message of a kind is sent, for what no row may hold."""
        self._prepare_by[kind] = prepare

    def register_writer(self, write: Write) -> None:
        """Have ``write`` turn facts into texts: the pages' templates."""
        self._write = write

    def retry(self) -> int:
        """Make every waiting or failed message due now; return how many there are."""
        return self.messages.retry(NOTICE_SECONDS)

    def deliver(self, message: QueuedMail) -> None:
        """Send a message, whatever its row says. Raises :class:`UndeliverableError`, ``OSError``, ``SMTPException``."""
        if self._write is None:
            raise RuntimeError("No templates are registered.")
        facts = {**message.facts}
        prepare = self._prepare_by.get(message.kind)
        if prepare is not None:
            made = prepare(message)
            if made is None:
                return
            facts |= made
        facts["issuer"] = issuer = self._settings.issuer or facts.get("issuer") or DEMO_ISSUER
        if "path" in facts:
            facts["link"] = issuer + facts["path"]
        if message.user_id is not None:
            row = self._database.one(READ_USERNAME, id_=message.user_id)
            if row is None:
                return  # the account has just been deleted
            facts["username"] = row[0]
        self._delivery.send(message, self._write(message.kind, message.language, facts))

    def _send(self, message: QueuedMail) -> None:
        if message.expires_at <= clock.now():
            log.warning("dropped an email that had waited for too long", message=message.id, kind=message.kind)
            return
        if message.kind not in KINDS:
            raise UndeliverableError(f"no such kind of mail: {message.kind}")
        self.deliver(message)

    def _circumstances(self) -> dict[str, Any]:
        """Return when and from where the current request was made, and in the demo its issuer."""
        environ = current_environ.get(None)
        facts: dict[str, Any] = {"at": clock.now()}
        if environ is not None:
            facts["ip_address"] = environ.get("REMOTE_ADDR")
            facts["user_agent"] = environ.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT_CHARACTERS]
        if not self._settings.issuer:
            facts["issuer"] = self._find_issuer()
        return facts


def _log_failure(message: QueuedMail, error: Exception) -> None:
    """Log a failure, without the address, and keep it for the row."""
    facts = {"message": message.id, "kind": message.kind, "tries": message.tries}
    if isinstance(error, (UndeliverableError, OSError)):  # smtplib's exceptions are OSErrors
        message.problem = describe_failure(error)
        log.warning("could not send an email", reason=message.problem, **facts)
    else:
        message.problem = type(error).__name__
        log.error("could not send an email", exc_info=error, **facts)
