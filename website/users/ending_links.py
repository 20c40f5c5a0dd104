"""The end of an account's one-time links, with the emails that would make new ones."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Select, delete
from sqlalchemy.orm import Session

from ..mail import LINK_KINDS, QueuedMail
from ..models.email_link import EmailLink
from ..models.mail_message import MailMessage
from ..models.password_link import PasswordLink
from ..models.user import User

#: Who makes a link, in its event, when the email that somebody had asked for is sent.
BY_MAIL = "mail"


def end_links(session: Session, user_ids: Collection[int] | Select[int]) -> None:
    """End the links of accounts and their unsent emails with links, in the caller's transaction.

    First the emails: a concurrent :func:`lock_receiver` has its row until the link is written, which is then found.
    """
    mine = MailMessage.user_id.in_(user_ids), MailMessage.kind.in_(LINK_KINDS)
    session.execute(delete(MailMessage).where(*mine))
    for link in (PasswordLink, EmailLink):
        session.execute(delete(link).where(link.user_id.in_(user_ids)))


def lock_receiver(session: Session, message: QueuedMail) -> User | None:
    """Lock an email's account and row; return the account, ``None`` if the links were ended since it was claimed."""
    user = session.get(User, message.user_id, with_for_update=True) if message.user_id is not None else None
    row = None if user is None else session.get(MailMessage, message.id, with_for_update=True)
    return None if row is None else user
