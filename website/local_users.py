"""Owns the accounts of our own table: finding them, logging them in, and what an operator or their owner changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import String, cast, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from . import clock
from .audit import Audit
from .claims import ADDRESS_PARTS, VERIFIED, ClaimsError, check_claims, email_key
from .database import Database
from .identifiers import new_identifier
from .lookalikes import looks_like_another
from .models.subject import Subject
from .models.user import User
from .passwords import check_new_password, check_password, hash_password, is_outdated, is_too_long
from .revocation import end_everything, subject_of_user
from .statements.users import CLAIM_COLUMNS, READ_CLAIMS, READ_USER
from .users import Account, StaleLoginError, Subjects, UsernameError, check_username, username_key

DEMO_PASSWORD = "valid"  # noqa: S105 - the walk-through's, for everybody, in the demo only
_SUBJECT_OF_USER = Subject.user_id == cast(User.id, String)


class LocalUsers:
    """The users of our own table."""

    def __init__(self, database: Database, subjects: Subjects, demo: bool, audit: Audit) -> None:
        self._database = database
        self._subjects = subjects
        self._demo = demo
        self._audit = audit

    # --- what the provider asks of any users

    def find(self, user_id: str) -> Account | None:
        row = self._database.one(READ_USER, id_=int(user_id)) if user_id.isdecimal() else None
        return None if row is None or row[2] is not None else Account(str(row[0]), row[1], is_operator=bool(row[3]))

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
        """Return what is known of a user, by the names of the standard claims; nothing of one who is gone."""
        row = self._database.one(READ_CLAIMS, id_=int(user_id)) if user_id.isdecimal() else None
        if row is None:
            return {}
        known = {name: value for name, value in zip(CLAIM_COLUMNS, row, strict=True) if value is not None}
        username, created_at = known.pop("username"), known.pop("created_at")
        address = {part: known.pop(part) for part in ADDRESS_PARTS if part in known}
        for name, flag in VERIFIED.items():
            verified = bool(known.pop(flag))
            if name in known:
                known[flag] = verified
        return {"preferred_username": username, "updated_at": created_at, "address": address, **known}

    def _read(self, username: str) -> tuple[User | None, str | None, int | None]:
        """Return a user together with subject and epoch: whatever changes the one from here on changes the other."""
        wanted = select(User, Subject.subject, Subject.token_epoch).outerjoin(Subject, _SUBJECT_OF_USER)
        wanted = wanted.where(User.username_key == username_key(username))
        with self._database.reading() as session:
            row = session.execute(wanted).one_or_none()
        if row is None:
            return None, None, None
        subject: str | None = row[1]
        if subject is None:  # an account of a former release that never logged in
            self._subjects.of_user(str(row[0].id))
            return self._read(username)
        return row[0], subject, row[2]

    def _renew_hash(self, user: User, password: str) -> None:
        """Hash a password anew that was hashed with former parameters, unless it was changed meanwhile."""
        fresh = hash_password(password)
        same = (User.id == user.id, User.password_hash == user.password_hash)
        with self._database.writing() as session:
            session.execute(update(User).where(*same).values(password_hash=fresh))

    # --- finding

    def find_by_name(self, username: str) -> Account | None:
        user = self.find_row(username)
        return None if user is None or user.disabled_at is not None else Account(str(user.id), user.username)

    def find_row(self, username: str) -> User | None:
        """Return the row of a user name, disabled or not."""
        with self._database.reading() as session:
            return session.scalar(select(User).where(User.username_key == username_key(username)))

    def find_row_by_id(self, user_id: str) -> User | None:
        with self._database.reading() as session:
            return session.get(User, int(user_id))

    def subject_of_name(self, username: str) -> str | None:
        """Return the subject of a user name; takes one statement, whether there is one or not."""
        wanted = select(Subject.subject).join(User, _SUBJECT_OF_USER)
        with self._database.reading() as session:
            return session.scalar(wanted.where(User.username_key == username_key(username)))

    def list_rows(self, part: str = "", limit: int = 1000) -> list[User]:
        """Return the users, by name; with ``part`` those whose name has it in it."""
        wanted = select(User).order_by(User.username_key).limit(limit)
        if part:
            wanted = wanted.where(User.username_key.contains(username_key(part), autoescape=True))
        with self._database.reading() as session:
            return [*session.scalars(wanted)]

    def count(self) -> int:
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(User)) or 0

    # --- changing

    def create(self, username: str, password: str | None = None) -> Account:
        """Add a user; without a password, nobody can log in as them outside the demo.

        Raises :class:`UsernameError` for a name that is malformed or taken.
        """
        name = check_username(username)
        if looks_like_another(name):
            raise UsernameError("Its letters are of several scripts, or look like those of another name.")
        user = User(
            username=name,
            username_key=username_key(name),
            password_hash=None if password is None else hash_password(password),
            created_at=clock.now(),
        )
        try:
            with self._database.writing() as session:
                session.add(user)
                session.flush()
                subject = new_identifier()
                session.add(Subject(subject=subject, user_id=str(user.id), created_at=user.created_at))
                self._audit.add(session, "user_created", subject=subject, detail={"user": user.id})
        except IntegrityError:
            raise UsernameError("That name is taken.") from None
        return Account(str(user.id), user.username)

    def find_or_create(self, username: str) -> Account:
        """Return the user of that name, made at this moment if need be: the demo's login."""
        found = self.find_by_name(check_username(username))
        if found is not None:
            return found
        try:
            return self.create(username)
        except UsernameError:
            made_meanwhile = self.find_by_name(username)
            if made_meanwhile is None:
                raise
            return made_meanwhile

    def set_password(self, user_id: int, password: str, checked: Account | None = None) -> Account:
        """Change a password; every session and token of the account ends. Return the account as it is after that.

        ``checked`` is the account as its former password was checked: where that was changed meanwhile, by whoever
        else knows it, :class:`StaleLoginError` is raised. Raises ``PasswordError`` too.
        """
        with self._database.reading() as session:
            username = session.get_one(User, user_id).username
        check_new_password(password, username)
        fresh = hash_password(password)
        self._subjects.of_user(str(user_id))  # an account of a former release may have none yet
        with self._database.writing() as session:
            mine = select(Subject.subject, Subject.token_epoch).where(Subject.user_id == str(user_id))
            held = session.execute(mine.with_for_update()).one_or_none()
            if held is None or (checked is not None and held.token_epoch != checked.epoch):
                raise StaleLoginError
            session.execute(update(User).where(User.id == user_id).values(password_hash=fresh))
            self._end_everything(session, user_id, "password_changed")
        return Account(str(user_id), username, held.subject, held.token_epoch + 1)

    def disable(self, user_id: int) -> None:
        """Let a user log in no more, and end their sessions and tokens. What they allowed is remembered."""
        with self._database.writing() as session:
            session.execute(update(User).where(User.id == user_id).values(disabled_at=clock.now()))
            self._end_everything(session, user_id, "user_disabled")

    def enable(self, user_id: int) -> None:
        """Let a user log in again."""
        with self._database.writing() as session:
            session.execute(update(User).where(User.id == user_id).values(disabled_at=None))
            self._audit.add(session, "user_enabled", subject=subject_of_user(session, str(user_id)))

    def set_operator(self, user_id: int, is_operator: bool) -> bool:
        """Make a user an operator, or not one from now on. Return whether that changed anything."""
        with self._database.writing() as session:
            user = session.get_one(User, user_id, with_for_update=True)
            if user.is_operator is is_operator:
                return False
            user.is_operator = is_operator
            event = "operator_appointed" if is_operator else "operator_dismissed"
            subject = subject_of_user(session, str(user_id))
            self._audit.add(session, event, subject=subject, detail={"user": user_id})
        return True

    def delete(self, user_id: int) -> None:
        """Delete an account for good: the user, and by the subject all that was theirs; their clients have no owner.

        Neither the user's id nor the subject is ever given again.
        """
        with self._database.writing() as session:
            subject = self._end_everything(session, user_id, "user_deleted")
            session.execute(delete(Subject).where(Subject.subject == subject))
            session.execute(delete(User).where(User.id == user_id))

    def set_claims(self, user_id: int, values: Mapping[str, str], verified: Mapping[str, bool] | None = None) -> None:
        """Change claims. A new mail address or telephone number is unverified unless ``verified`` says otherwise.

        Raises :class:`ClaimsError`.
        """
        changes: dict[str, Any] = dict(check_claims(values))
        if "email" in changes:
            changes["email_key"] = email_key(changes["email"]) if changes["email"] else None
        try:
            with self._database.writing() as session:
                user = session.get_one(User, user_id, with_for_update=True)
                before = {name: getattr(user, name) for name in changes}
                for name, flag in VERIFIED.items():
                    if name in changes and changes[name] != before[name]:
                        changes[flag] = False
                changes.update(verified or {})
                changed = sorted(name for name, value in changes.items() if getattr(user, name) != value)
                if changed:
                    for name, value in changes.items():
                        setattr(user, name, value)
                    user.updated_at = clock.now()
                    detail = {"claims": [name for name in changed if name != "email_key"]}
                    self._audit.add(
                        session, "profile_changed", subject=subject_of_user(session, str(user_id)), detail=detail
                    )
        except IntegrityError:
            raise ClaimsError({"email": "Another account has this mail address."}) from None

    def _end_everything(self, session: Session, user_id: int, event: str) -> str | None:
        subject = subject_of_user(session, str(user_id))
        if subject is not None:
            end_everything(session, subject)
        self._audit.add(session, event, subject=subject, detail={"user": user_id})
        return subject
