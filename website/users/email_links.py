"""One-time links that confirm an email address: sent to it, stored as a hash, used up by one statement."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .. import clock
from ..audit import Audit
from ..database import Database
from ..database.ending_all_access import subject_of_user
from ..identifiers import EMAIL_LINK_PREFIX, hash_secret, new_secret
from ..mail import Mail, QueuedMail
from ..models.email_link import EmailLink
from ..models.user import User
from ..settings import Settings
from ..standard_claims import ClaimsError, check_address
from .account_changes import ADDRESS_TAKEN
from .ending_links import BY_MAIL, lock_receiver
from .local_users import LocalUsers
from .login_throttle import ACCOUNT, LoginThrottle, network_key, receiver_key
from .password_links import LINK_SECONDS, MAX_TOKEN_CHARACTERS

KIND, PATH = "email_verification", "/verify_email"


class EmailLinks:
    """The links of one database."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        audit: Audit,
        throttle: LoginThrottle | None,
        mail: Mail,
        users: LocalUsers,
    ) -> None:
        #: Whether people verify their addresses by themselves: emails are sent, and they may choose one.
        self.is_on = mail.is_on and "email" in settings.editable_claims
        self._database = database
        self._audit = audit
        self._throttle = throttle
        self._mail = mail
        self._users = users
        mail.register_preparation(KIND, self._prepare)

    def send(self, user_id: int, address: str) -> None:
        """Have a link sent to an address: the account's is the same as before until the link is used.

        Raises ``ClaimsError`` for anything but an address, and ``TooManyTriesError`` after many emails.
        """
        email = check_address(address)
        if self._throttle is not None:
            self._throttle.count_try({ACCOUNT: str(user_id)} | network_key() | receiver_key(email), KIND)
        with self._database.writing() as session:
            self._mail.add(session, KIND, user_id, address=email)

    def create(self, user_id: int, email: str, seconds: int = LINK_SECONDS) -> str:
        """Return the token of a new link, which works once within ``seconds``; a former link stops working."""
        with self._database.writing() as session:
            return self._add(session, user_id, email, seconds, by=None)

    def find(self, token: str) -> tuple[User, str] | None:
        """Return the account of a valid link and the address to confirm, without using the link up."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            return None
        query = select(User, EmailLink.email).join(EmailLink, EmailLink.user_id == User.id)
        query = query.where(EmailLink.token_hash == hash_secret(token), _works(), User.disabled_at.is_(None))
        with self._database.reading() as session:
            row = session.execute(query).one_or_none()
        return None if row is None else (row[0], row[1])

    def use(self, token: str) -> bool:
        """Make the address the account's verified one; tell whether the link worked.

        Raises ``ClaimsError`` if the address is another account's by now, or its name: then the link stays; and
        ``TooManyTriesError``, as an invalid link counts as a wrong password of the network.
        """
        found = self.find(token)
        if found is None:
            self._count_try()
            return False
        claimed = delete(EmailLink).where(EmailLink.token_hash == hash_secret(token), _works())
        try:
            with self._database.writing() as session:
                # First the account, as in every change of it.
                session.get(User, found[0].id, with_for_update=True)
                row = session.execute(claimed.returning(EmailLink.user_id, EmailLink.email)).one_or_none()
                if row is None:
                    return False
                self._users.verify_email(session, row.user_id, row.email)
                subject = subject_of_user(session, str(row.user_id))
                self._audit.add(session, "email_verified", subject=subject, detail={"user": row.user_id})
        except IntegrityError:
            raise ClaimsError({"email": ADDRESS_TAKEN}) from None
        return True

    def _count_try(self) -> None:
        """Count an invalid link as a wrong password of the network. Raises ``TooManyTriesError``."""
        if self._throttle is not None:
            self._throttle.count_try(network_key())

    def _prepare(self, message: QueuedMail) -> dict[str, Any] | None:
        """Create the link of an email that is being sent."""
        with self._database.writing() as session:
            user = lock_receiver(session, message)
            if user is None:
                return None
            token = self._add(session, user.id, message.address, LINK_SECONDS, by=BY_MAIL)
        return {"path": path_of(token)}

    def _add(self, session: Session, user_id: int, email: str, seconds: int, *, by: str | None) -> str:
        token, now = new_secret(EMAIL_LINK_PREFIX), clock.now()
        session.execute(delete(EmailLink).where(EmailLink.user_id == user_id))
        link = EmailLink(token_hash=hash_secret(token), user_id=user_id, email=email)
        link.created_at, link.expires_at = now, now + seconds
        session.add(link)
        subject = subject_of_user(session, str(user_id))
        self._audit.add(session, "email_link_created", actor=by, subject=subject, detail={"user": user_id})
        return token


def path_of(token: str) -> str:
    """Return the path of a link, below the issuer."""
    return f"{PATH}?token={quote(token)}"


def _works() -> ColumnElement[bool]:
    return EmailLink.expires_at > clock.now()
