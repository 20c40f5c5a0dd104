"""One-time links for setting a password: created by a command, stored as a hash, used up by one statement."""

from __future__ import annotations

from urllib.parse import quote

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..audit import Audit
from ..database import Database
from ..database.ending_all_access import subject_of_user
from ..identifiers import PASSWORD_LINK_PREFIX, hash_secret, new_secret
from ..mail import Mail
from ..models.password_link import PasswordLink
from ..models.subject import Subject
from ..models.user import User
from .account_changes import end_account
from .ending_links import BY_MAIL
from .login_throttle import LoginThrottle, network_key
from .new_passwords import NewPasswords
from .password_hashing import hash_password
from .password_queue import password_queue

PATH = "/set_password"
LINK_SECONDS = 3600
#: The maximum lifetime of a link: anybody who finds it can take over the account.
MAX_LINK_SECONDS = 7 * 86400
MAX_TOKEN_CHARACTERS = 100


class PasswordLinks:
    """The one-time links of one database."""

    def __init__(
        self, database: Database, new_passwords: NewPasswords, audit: Audit, throttle: LoginThrottle | None, mail: Mail
    ) -> None:
        self._database = database
        self._new_passwords = new_passwords
        self._audit = audit
        self._throttle = throttle
        self._mail = mail

    def create(self, user_id: int, seconds: int = LINK_SECONDS) -> str:
        """Return the token of a new link, which works once within ``seconds``; a former link stops working."""
        with self._database.writing() as session:
            return self.add(session, user_id, seconds)

    def add(
        self,
        session: Session,
        user_id: int,
        seconds: int = LINK_SECONDS,
        *,
        by: str | None = None,
        ends_others: bool = True,
    ) -> str:
        """Do the same in the caller's transaction. ``by`` is who does it, unless it's a command, as in the event.

        ``ends_others`` says whether former links stop working.
        """
        token, now = new_secret(PASSWORD_LINK_PREFIX), clock.now()
        if ends_others:
            session.execute(delete(PasswordLink).where(PasswordLink.user_id == user_id))
        session.add(
            PasswordLink(
                token_hash=hash_secret(token),
                user_id=user_id,
                created_by=None if by == BY_MAIL else by,
                created_at=now,
                expires_at=now + seconds,
            )
        )
        subject = subject_of_user(session, str(user_id))
        self._audit.add(session, "password_link_created", actor=by, subject=subject, detail={"user": user_id})
        return token

    def receivers(self) -> set[str]:
        """Return the usernames of the accounts that have a valid link."""
        query = select(User.username).join(PasswordLink, PasswordLink.user_id == User.id).where(_works())
        with self._database.reading() as session:
            return {*session.scalars(query)}

    def expires_at(self, token: str) -> int | None:
        """Return when a link expires; ``None`` if it doesn't exist."""
        with self._database.reading() as session:
            return session.scalar(select(PasswordLink.expires_at).where(PasswordLink.token_hash == hash_secret(token)))

    def find(self, token: str) -> User | None:
        """Return the account of a valid link without using it up."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            return None
        query = select(User).join(PasswordLink, PasswordLink.user_id == User.id)
        query = query.where(PasswordLink.token_hash == hash_secret(token), _works(), User.disabled_at.is_(None))
        with self._database.reading() as session:
            return session.scalar(query)

    def use(self, token: str, password: str) -> bool:
        """Set the account's password, use up the link, and end the account's login sessions and tokens.

        Returns ``False`` if the link is invalid, which counts as a wrong password for the address. Raises
        ``TooManyTriesError``, ``PasswordError`` and ``TooManyLoginsError``, after which the link still works.
        """
        user = self.find(token)
        if user is None:  # without a place in the queue, which strangers could fill up
            self._count_try()
            return False
        with password_queue.place():
            return self._use(token, user, password)

    def _use(self, token: str, user: User, password: str) -> bool:
        counted = self._count_try()
        if self._throttle is not None:
            self._throttle.take_back(counted)
        changed = self._new_passwords.check_change(password, user)
        fresh = hash_password(password)
        with self._database.writing() as session:
            # In the same order as every password change: first the subject, then the account, then its links.
            session.execute(select(Subject.subject).where(Subject.user_id == str(user.id)).with_for_update())
            session.execute(select(User.id).where(User.id == user.id).with_for_update())
            claimed = delete(PasswordLink).where(PasswordLink.token_hash == hash_secret(token), _works())
            user_id = session.scalar(claimed.returning(PasswordLink.user_id))
            if user_id is None:
                return False
            session.execute(update(User).where(User.id == user_id).values(password_hash=fresh, **changed))
            subject = end_account(session, self._audit, user_id, "password_changed")
            self._audit.add(session, "password_link_used", subject=subject, detail={"user": user_id})
            self._mail.add(session, "first_password" if user.password_hash is None else "password_changed", user_id)
        return True

    def _count_try(self) -> dict[str, str]:
        """Count a wrong password for the address of the request; return what was counted."""
        keys = network_key()
        if self._throttle is not None:
            self._throttle.count_try(keys)
        return keys


def path_of(token: str) -> str:
    """Return the path of a link, below the issuer."""
    return f"{PATH}?token={quote(token)}"


def _works() -> ColumnElement[bool]:
    return PasswordLink.expires_at > clock.now()
