"""Recovering an account whose password was forgotten: a link by email, without telling whether there is an account."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ..audit import FAILURE, REFUSED, SUCCESS, Audit
from ..database import Database
from ..mail import Mail, QueuedMail
from ..models.subject import Subject
from ..models.user import User
from ..settings import Settings
from .ending_links import BY_MAIL, lock_receiver
from .login_names import logs_in_by, name_first
from .login_throttle import ACCOUNT, LoginThrottle, TooManyTriesError, network_key, receiver_key
from .password_links import PasswordLinks, path_of
from .usernames import username_key

KIND = "password_recovery"
#: No account has this id.
NOBODY = 0


class PasswordRecovery:
    """Requests for new passwords, at one server."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        audit: Audit,
        throttle: LoginThrottle | None,
        mail: Mail,
        links: PasswordLinks,
    ) -> None:
        #: Whether a link can be sent: not in the demo, which has no passwords.
        self.is_on = mail.is_on and not settings.demo
        self._database = database
        self._audit = audit
        self._throttle = throttle
        self._mail = mail
        self._links = links
        mail.register_preparation(KIND, self._prepare)

    def request(self, typed: str) -> None:
        """Have a link sent to the verified address of the account with a typed name or address, if there is one.

        The same statements run whether there is an account, whether it has an address, and whether it gets too many
        emails: the answer and its time tell nothing. The link is made later, when the email is sent. Raises
        ``TooManyTriesError`` for the network that the request comes from.
        """
        with self._database.reading() as session:
            query = select(User.id, User.username, Subject.subject, User.email_verified, User.email)
            query = query.outerjoin(Subject, Subject.user_id == User.id.cast(Subject.user_id.type))
            found = session.execute(query.where(logs_in_by(typed)).order_by(name_first(typed)).limit(1)).one_or_none()
        if self._throttle is not None:
            self._throttle.count_try(network_key(), KIND)
        name, address = (typed, typed) if found is None else (found.username, found.email or typed)
        is_refused = self._counts_too_many(name, address)
        user_id, subject = (NOBODY, None) if found is None else (found.id, found.subject)
        outcome = REFUSED if is_refused else FAILURE if found is None or not found.email_verified else SUCCESS
        with self._database.writing() as session:
            self._mail.add(session, KIND, NOBODY if is_refused else user_id)
            self._audit.add(session, "password_recovery_requested", outcome, actor="", subject=subject)

    def _counts_too_many(self, name: str, address: str) -> bool:
        """Count a request for an account and its address; tell whether it had too many. The requester isn't told."""
        try:
            if self._throttle is not None:
                self._throttle.count_try({ACCOUNT: username_key(name)} | receiver_key(address), KIND)
        except TooManyTriesError:
            return True
        return False

    def _prepare(self, message: QueuedMail) -> dict[str, Any] | None:
        """Create the link of an email that is being sent, unless its address is the account's no more."""
        with self._database.writing() as session:
            user = lock_receiver(session, message)
            if user is None or not _still_gets_it(user, message.address):
                return None
            # Others stay: a stranger who asks for links can't end the one that an operator handed over.
            token = self._links.add(session, user.id, by=BY_MAIL, ends_others=False)
        return {"path": path_of(token)}


def _still_gets_it(user: User, address: str) -> bool:
    return user.disabled_at is None and bool(user.email_verified) and user.email == address
