"""Our own accounts: finding, authenticating, and their claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import String, bindparam, case, cast, func, select, update

from ..database import Statement
from ..database.tables import subject, subjects, table_of
from ..models.login_name import LoginName
from ..models.subject import Subject
from ..models.user import User
from ..standard_claims import STANDARD_CLAIMS
from .account_changes import AccountChanges
from .claim_columns import columns_of, reader_of
from .demo_claims import demo_claims
from .last_logins import find_last_logins, has_no_login_since
from .login_names import LoginOwner, logs_in_by, name_first
from .own_users_in_statements import ACCOUNT_COLUMNS, OwnUser, account_of, is_user_of, own_users
from .password_hashing import check_password, hash_password, is_outdated, is_too_long
from .usernames import UsernameError, check_username, username_key
from .users_protocol import Account

_user = table_of(User).c
READ_USER = Statement(select(*ACCOUNT_COLUMNS).where(_user.id == bindparam("id_")))
READ_ANY_USER = Statement(select(_user.id).limit(1))
READ_IS_OPERATOR = Statement(
    select(_user.is_operator)
    .select_from(subjects.join(own_users, is_user_of(subject.user_id)))
    .where(subject.subject == bindparam("subject_"))
)
READ_ANY_OPERATOR = Statement(select(_user.id).where(_user.is_operator.is_(True), _user.disabled_at.is_(None)).limit(1))
_all_columns = columns_of(STANDARD_CLAIMS)
READ_CLAIMS = Statement(select(*_all_columns.columns).where(_user.id == bindparam("id_")))
READ_EMAIL_HOLDER = Statement(select(_user.id).where(_user.email_key == bindparam("email_key_")))

#: What every database takes for an account's id.
MAX_ID_DIGITS = 9
DEMO_PASSWORD = "valid"  # noqa: S105 - for every account, but only in the demo
_SUBJECT_OF_USER = Subject.user_id == cast(User.id, String)


class LocalUsers(AccountChanges):
    """Our own users; ``account_changes.py`` has the methods that change them."""

    # --- the Users protocol

    def find(self, user_id: str) -> Account | None:
        row = self._database.one(READ_USER, id_=int(user_id)) if user_id.isdecimal() else None
        return None if row is None else account_of(row)

    def authenticate(self, username: str, password: str) -> Account | None:
        user, subject, epoch = self._read(username)
        if is_too_long(password):
            return None
        if self._demo:
            right = password == DEMO_PASSWORD and user is not None
        else:
            right = check_password(password, user.password_hash if user else None)
        if not right or user is None or user.disabled_at is not None:
            return None
        if not self._demo and user.password_hash and is_outdated(user.password_hash):
            self._renew_hash(user, password)
        return Account(str(user.id), user.username, subject, epoch)

    def claims(self, user_id: str) -> Mapping[str, Any]:
        """Return a user's standard claims by name; empty if the user doesn't exist."""
        return self.wanted_claims(user_id, STANDARD_CLAIMS)

    def wanted_claims(self, user_id: str, names: frozenset[str], own_user: OwnUser | None = None) -> dict[str, Any]:
        """Return those of a user's standard claims, by name, that have a value.

        ``own_user`` is their row if it has been read already; what it doesn't have of the claims is read here.
        """
        reader, values = None, None
        if own_user is not None and own_user.claim_columns is not None:
            reader, values = reader_of(own_user.claim_columns, names), own_user.claim_values
        if reader is None:
            reader = reader_of(_all_columns, names)
            values = self._database.one(READ_CLAIMS, id_=int(user_id)) if user_id.isdecimal() else None
        if reader is None or values is None:
            return {}
        claims = reader.read(values)
        if self._demo:
            claims |= demo_claims(names, values[reader.places["username"]], user_id, claims, self._holder_of)
        return claims

    def _holder_of(self, email_key: str) -> str | None:
        row = self._database.one(READ_EMAIL_HOLDER, email_key_=email_key)
        return None if row is None else str(row[0])

    def _read(self, username: str) -> tuple[User | None, str | None, int | None]:
        """Return a user with subject and epoch in one query, so that later changes to the user can be detected."""
        query = select(User, Subject.subject, Subject.token_epoch).outerjoin(Subject, _SUBJECT_OF_USER)
        query = query.where(logs_in_by(username)).order_by(name_first(username)).limit(1)
        with self._database.reading() as session:
            row = session.execute(query).one_or_none()
        if row is None:
            return None, None, None
        subject: str | None = row[1]
        if subject is None:  # an account of an earlier release that never logged in
            self._subjects.subject_for_user(str(row[0].id))
            return self._read(username)
        return row[0], subject, row[2]

    def _renew_hash(self, user: User, password: str) -> None:
        """Rehash a password that was hashed with old parameters, unless it has changed meanwhile."""
        fresh = hash_password(password)
        same = (User.id == user.id, User.password_hash == user.password_hash)
        with self._database.writing() as session:
            session.execute(update(User).where(*same).values(password_hash=fresh))

    # --- finding

    def find_by_name(self, username: str) -> Account | None:
        """Return the enabled user with a username."""
        user = self.find_row(username)
        return None if user is None or user.disabled_at is not None else Account(str(user.id), user.username)

    def find_by_login(self, typed: str) -> Account | None:
        """Return the enabled user with a username or verified email address."""
        user, _subject, _epoch = self._read(typed)
        return None if user is None or user.disabled_at is not None else Account(str(user.id), user.username)

    def find_login_owner(self, typed: str) -> LoginOwner | None:
        """Return the account, disabled or not, with a username or verified email address.

        Runs one statement either way.
        """
        columns = User.id, Subject.subject, User.username_key, case((User.email_verified, User.email_key))
        query = select(*columns).outerjoin(Subject, _SUBJECT_OF_USER).where(logs_in_by(typed))
        with self._database.reading() as session:
            row = session.execute(query.order_by(name_first(typed)).limit(1)).one_or_none()
        return None if row is None else LoginOwner(*row)

    def find_row(self, username: str) -> User | None:
        """Return the row of a username, disabled or not."""
        with self._database.reading() as session:
            return session.scalar(select(User).where(User.username_key == username_key(username)))

    def find_rows_by_key(self, keys: Iterable[str]) -> list[User]:
        """Return the users with one of these keys as their username, email address or assigned preferred username."""
        distinct_keys = sorted(set(keys))
        named = select(LoginName.user_id).where(LoginName.login_key.in_(distinct_keys))
        has_key = User.username_key.in_(distinct_keys) | User.email_key.in_(distinct_keys) | User.id.in_(named)
        query = select(User).where(has_key)
        with self._database.reading() as session:
            return [*session.scalars(query)]

    def ids_of_names(self, usernames: Iterable[str]) -> dict[str, int]:
        """Return the ids of the accounts with these usernames, each by its ``username_key``."""
        query = select(User.username_key, User.id).where(User.username_key.in_({*map(username_key, usernames)}))
        with self._database.reading() as session:
            return dict(session.execute(query).all())

    def find_row_by_id(self, user_id: str) -> User | None:
        """Return the row of an account; ``user_id`` is any number."""
        if len(user_id) > MAX_ID_DIGITS:
            return None
        with self._database.reading() as session:
            return session.get(User, int(user_id))

    def subject_of_name(self, username: str) -> str | None:
        """Return the subject of a username; runs one statement, whether it exists or not."""
        query = select(Subject.subject).join(User, _SUBJECT_OF_USER)
        with self._database.reading() as session:
            return session.scalar(query.where(User.username_key == username_key(username)))

    def is_operator(self, subject: str) -> bool:
        """Tell whether a subject's account has the operator role."""
        row = self._database.one(READ_IS_OPERATOR, subject_=subject)
        return row is not None and bool(row[0])

    def names_of(self, subjects: Iterable[str]) -> dict[str, str]:
        """Return usernames by subject, including those of disabled accounts."""
        query = select(Subject.subject, User.username).join(User, _SUBJECT_OF_USER)
        with self._database.reading() as session:
            rows = session.execute(query.where(Subject.subject.in_([*subjects])))
            return {row.subject: row.username for row in rows}

    def list_rows(
        self,
        part: str = "",
        limit: int = 1000,
        *,
        after: str = "",
        everywhere: bool = False,
        no_login_since: int | None = None,
    ) -> list[User]:
        """Return the users by name, optionally only those whose name contains ``part``.

        ``everywhere`` looks for it in full names and email addresses too. ``after`` is the ``username_key`` of the last
        user on the page before. ``no_login_since`` is as for ``has_no_login_since``.
        """
        query = select(User).where(User.username_key > after).order_by(User.username_key).limit(limit)
        if part:
            key = username_key(part)
            has_part = User.username_key.contains(key, autoescape=True)
            if everywhere:
                has_part |= User.email_key.contains(key, autoescape=True)
                has_part |= func.lower(User.name).contains(part.strip().lower(), autoescape=True)
            query = query.where(has_part)
        if no_login_since is not None:
            query = query.where(has_no_login_since(no_login_since))
        with self._database.reading() as session:
            return [*session.scalars(query)]

    def find_last_logins(self, rows: Iterable[User]) -> dict[int, int]:
        """Return when each of these users last logged in, by row id; users without a known login are left out."""
        return find_last_logins(self._database, [row.id for row in rows])

    def has_any(self) -> bool:
        """Tell whether there is any account."""
        return self.database.one(READ_ANY_USER) is not None

    def has_operator(self) -> bool:
        """Tell whether there is an operator who can log in."""
        return self.database.one(READ_ANY_OPERATOR) is not None

    def count(self) -> int:
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(User)) or 0

    def find_or_create(self, username: str) -> Account:
        """Return the user with a name or verified address, created if missing: the demo's login."""
        row = self.find_by_login(check_username(username))
        if row is not None:
            return row
        try:
            return self.create(username)
        except UsernameError:
            made_meanwhile = self.find_by_login(username)
            if made_meanwhile is None:
                raise
            return made_meanwhile
