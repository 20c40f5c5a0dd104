"""Changes to our own accounts: creating, claims, passwords, disabling, deleting."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .. import clock
from ..audit import Audit
from ..clients.owners import OwnedClientsError, end_clients_of, give_clients_of, list_owned
from ..database import Database, StaleLoginError
from ..database.cache_invalidation import RESOURCES, CacheInvalidation, record_change
from ..database.ending_all_access import delete_subject, end_everything, subject_of_user
from ..identifiers import new_identifier
from ..mail import Mail
from ..models.subject import Subject
from ..models.user import User
from ..standard_claims import ClaimsError
from ..translatable import N_
from .account_managers import end_access_before_roles
from .account_rows import claims_as_stored, new_user
from .claim_changes import ClaimChanges
from .ending_invitations import end_links_of_maker
from .ending_links import end_links
from .factor_requirements import lock_accounts
from .last_operator import keep_an_operator
from .login_names import LoginNameTakenError, keep_login_names
from .new_passwords import NewPasswords
from .password_hashing import hash_password
from .subjects import Subjects
from .usernames import UsernameError
from .users_protocol import Account

#: The reason in the event of a disabled client.
OWNER_DISABLED, OWNER_DELETED = "owner_disabled", "owner_deleted"
ADDRESS_TAKEN = N_("Another account has this email address.")
NAME_TAKEN = N_("That username is taken.")


class AccountChanges:
    """Changes to our own users, each in one transaction with its event."""

    def __init__(
        self,
        database: Database,
        subjects: Subjects,
        new_passwords: NewPasswords,
        demo: bool,
        audit: Audit,
        changes: CacheInvalidation,
        mail: Mail,
    ) -> None:
        self._database = self.database = database
        self._cache_invalidation = changes
        self._subjects = subjects
        #: The requirements for them.
        self.new_passwords = new_passwords
        self._demo = demo
        self._audit = audit
        self._mail = mail
        self._claims = ClaimChanges(audit, mail)

    def create(
        self,
        username: str,
        password: str | None = None,
        claims: Mapping[str, str] | None = None,
        verified: Mapping[str, bool] | None = None,
        *,
        by: str | None = None,
    ) -> Account:
        """Create a user; without a password, they can't log in outside the demo.

        ``claims`` and ``verified`` are as in :meth:`set_claims`; ``by`` is the operator's subject, on a page. Raises
        :class:`UsernameError` for a malformed or taken name, and ``ClaimsError``, without writing anything.
        """
        user = new_user(username, None if password is None else hash_password(password))
        changes = claims_as_stored(claims or {}, verified or {})
        try:
            with self._database.writing() as session:
                self.add_row(session, user, changes, by=by)
        except LoginNameTakenError:
            raise UsernameError(NAME_TAKEN) from None
        except IntegrityError:
            raise self.explain_conflict(user, changes) from None
        return Account(str(user.id), user.username)

    def add_row(self, session: Session, user: User, changes: Mapping[str, Any], *, by: str | None = None) -> None:
        """Add a user from :func:`new_user` with their claims' columns, in the caller's transaction.

        Raises ``ClaimsError`` for another user's login address, :class:`LoginNameTakenError` for a name, and
        ``IntegrityError``.
        """
        session.add(user)
        session.flush()
        keep_login_names(session, user)
        subject = new_identifier()
        session.add(Subject(subject=subject, user_id=str(user.id), created_at=user.created_at))
        self._audit.add(session, "user_created", actor=by, subject=subject, detail={"user": user.id})
        if changes:
            self._claims.put(session, user, changes)
            session.flush()

    def explain_conflict(self, user: User, changes: Mapping[str, Any]) -> Exception:
        """Return the error for a new account whose name or address another account has."""
        with self._database.reading() as session:
            has_name = session.scalar(select(User.id).where(User.username_key == user.username_key))
        is_address = has_name is None and changes.get("email_key")
        return ClaimsError({"email": ADDRESS_TAKEN}) if is_address else UsernameError(NAME_TAKEN)

    def set_password(self, user_id: int, password: str, checked: Account | None = None) -> Account:
        """Change a password, and end all login sessions and tokens of the account. Return the updated account.

        ``checked`` is the account for which the current password was checked: if the password has changed since then,
        raises :class:`StaleLoginError`. Also raises ``PasswordError``, for the current password
        too if a change is required.
        """
        with self._database.reading() as session:
            user = session.get_one(User, user_id)
        changed = self.new_passwords.check_change(password, user)
        fresh = hash_password(password)
        self._subjects.subject_for_user(str(user_id))  # an account of an earlier release may have none yet
        with self._database.writing() as session:
            mine = select(Subject.subject, Subject.token_epoch).where(Subject.user_id == str(user_id))
            subject = session.execute(mine.with_for_update()).one_or_none()
            if subject is None or (checked is not None and subject.token_epoch != checked.epoch):
                raise StaleLoginError
            session.execute(update(User).where(User.id == user_id).values(password_hash=fresh, **changed))
            end_account(session, self._audit, user_id, "password_changed")
            self._mail.add(session, "password_changed", user_id)
        return Account(str(user_id), user.username, subject.subject, subject.token_epoch + 1)

    def require_password_change(self, user_id: int, is_required: bool, *, by: str | None = None) -> bool:
        """Have a person set a new password when they next log in with theirs, or not. Return whether that is new.

        ``by`` is the subject of an operator on a page, ``None`` for a command.
        """
        with self._database.writing() as session:
            user = session.get_one(User, user_id, with_for_update=True)
            if user.password_change_required is is_required:
                return False
            user.password_change_required = is_required
            subject = subject_of_user(session, str(user_id))
            detail = {"user": user_id, "required": is_required}
            self._audit.add(session, "password_change_required", actor=by, subject=subject, detail=detail)
        return True

    def disable(self, user_id: int, *, by: str | None = None, may_be_last: bool = False) -> list[str]:
        """Stop a user from logging in, and end their sessions, tokens and clients; return the clients' names.

        What they allowed is remembered. Raises :class:`LastOperatorError` unless another is left or ``may_be_last``.
        """
        names: list[str] = []
        with self._database.writing() as session:
            keep_an_operator(session, user_id, unless=may_be_last)
            lock_accounts(session, select(User.id).where(User.id == user_id))
            session.execute(update(User).where(User.id == user_id).values(disabled_at=clock.now()))
            subject = end_account(session, self._audit, user_id, "user_disabled", by=by)
            if subject is not None:
                names = end_clients_of(session, self._audit, subject, OWNER_DISABLED)
            end_links_of_maker(session, self._audit, subject, by)
        self._cache_invalidation.forget_recorded(session)
        return names

    def enable(self, user_id: int, *, by: str | None = None) -> None:
        """Enable a user. Their former tokens and clients stay ended."""
        with self._database.writing() as session:
            session.execute(update(User).where(User.id == user_id).values(disabled_at=None))
            self._audit.add(session, "user_enabled", actor=by, subject=subject_of_user(session, str(user_id)))

    def set_operator(self, user_id: int, is_operator: bool, by: str | None = None, may_be_last: bool = False) -> bool:
        """Give or remove the operator role; tell whether that changed anything. Raises as :meth:`disable` does."""
        with self._database.writing() as session:
            keep_an_operator(session, user_id, unless=is_operator or may_be_last)
            account = select(User.id).where(User.id == user_id)
            lock_accounts(session, account)
            user = session.get_one(User, user_id, with_for_update=True)
            if user.is_operator is is_operator:
                return False
            user.is_operator = is_operator
            if is_operator:
                end_access_before_roles(session, account, ["operator"])
            event = "operator_appointed" if is_operator else "operator_dismissed"
            subject = subject_of_user(session, str(user_id))
            if not is_operator:
                end_links_of_maker(session, self._audit, subject, by)
            self._audit.add(session, event, actor=by, subject=subject, detail={"user": user_id})
            record_change(session, RESOURCES)  # an operator's clients may request more there
        self._cache_invalidation.forget_recorded(session)
        return True

    def delete(
        self, user_id: int, *, new_owner: int | None = None, ends_clients: bool = False, may_be_last: bool = False
    ) -> list[str]:
        """Permanently delete an account: the user, and everything of their subject. Return the names of their clients.

        The clients are given to the user ``new_owner``, or are disabled and lose their owner. Raises
        :class:`OwnedClientsError` if there are any and neither is chosen, and :class:`LastOperatorError` for the last
        operator, unless ``may_be_last``. The user's id and the subject are never reused.
        """
        heir = None if new_owner is None else self._subjects.subject_for_user(str(new_owner))[0]
        with self._database.writing() as session:
            keep_an_operator(session, user_id, unless=may_be_last)
            subject = end_account(session, self._audit, user_id, "user_deleted")
            names: list[str] = []
            if subject is not None and heir is not None:
                names = give_clients_of(session, self._audit, subject, heir)
            elif subject is not None and ends_clients:
                names = end_clients_of(session, self._audit, subject, OWNER_DELETED)
            elif subject is not None and (owned := list_owned(session, subject)):
                raise OwnedClientsError([client.client_name for client in owned])
            session.flush()
            delete_subject(session, subject)
            session.execute(delete(User).where(User.id == user_id))
        self._cache_invalidation.forget_recorded(session)
        return names

    def set_claims(self, user_id: int, values: Mapping[str, str], verified: Mapping[str, bool] | None = None) -> None:
        """Change claims as an operator. A new email address or phone number is unverified unless ``verified`` says
        otherwise; a verified address can be used to log in. Raises :class:`ClaimsError`.
        """
        changes = claims_as_stored(values, verified or {})
        try:
            with self._database.writing() as session:
                user = session.get_one(User, user_id, with_for_update=True)
                if self._claims.put(session, user, changes):
                    user.updated_at = clock.now()
        except IntegrityError:
            raise ClaimsError({"email": ADDRESS_TAKEN}) from None

    def verify_email(self, session: Session, user_id: int, address: str) -> None:
        """Make an address the verified one of an account, in the caller's transaction. Raises as a change of claims."""
        user = session.get_one(User, user_id, with_for_update=True)
        user.updated_at = clock.now()
        self._claims.put(session, user, claims_as_stored({"email": address}, {"email_verified": True}))

    def set_own_claims(self, user_id: int, values: Mapping[str, str], editable: Collection[str]) -> None:
        """Change a user's own claims, but only those in ``editable``. Raises :class:`ClaimsError`."""
        self.set_claims(user_id, {name: value for name, value in values.items() if name in editable})


def end_account(session: Session, audit: Audit, user_id: int, event: str, by: str | None = None) -> str | None:
    """End all login sessions, tokens and one-time links of an account, with an event; return its subject.

    ``by`` is the subject of the operator who does it on a page.
    """
    subject = subject_of_user(session, str(user_id))
    if subject is not None:
        end_everything(session, subject)
    # Before its links, as a change of its claims locks them in this order.
    session.execute(select(User.id).where(User.id == user_id).with_for_update())
    end_links(session, [user_id])
    audit.add(session, event, actor=by, subject=subject, detail={"user": user_id})
    return subject
