"""Owns who the users are: the small protocol that any users table can satisfy, and our own table's answer to it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from . import clock
from .database import Database
from .identifiers import new_identifier
from .models.subject import Subject
from .models.user import User
from .passwords import MAX_PASSWORD_BYTES, check_password, hash_password
from .statements import READ_SUBJECT, READ_USER, READ_USER_ID

DEMO_PASSWORD = "valid"  # noqa: S105 - the walk-through's, for everybody, in the demo only
MAX_USERNAME_CHARACTERS = 150
#: Some single characters stand for a whole phrase, which the key spells out.
MAX_KEY_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the provider sees one: ``id`` is the users table's own, as text."""

    id: str
    username: str


class Users(Protocol):
    """What the provider asks of a users table. An embedding application passes its own."""

    def find(self, user_id: str) -> Account | None:
        """Return the user of that id who may log in, or ``None``."""
        ...

    def authenticate(self, username: str, password: str) -> Account | None:
        """Return the user whose name and password these are, or ``None``; equally slow either way."""
        ...


class UsernameError(ValueError):
    """A user name cannot be taken; the message is for the person who typed it."""


def username_key(username: str) -> str:
    """Return what two names share that a person would read as one: NFKC, casefold, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold()).split())


def check_username(username: str) -> str:
    """Return the name with single spaces and none around it. Raises :class:`UsernameError`."""
    name = " ".join(username.split())
    if not name:
        raise UsernameError("Type a name.")
    if len(name) > MAX_USERNAME_CHARACTERS:
        raise UsernameError(f"A name has at most {MAX_USERNAME_CHARACTERS} characters.")
    if len(username_key(name)) > MAX_KEY_CHARACTERS:
        raise UsernameError("That name is too long once it is written out.")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") for character in name):
        raise UsernameError("A name has no control or invisible characters.")
    return name


class LocalUsers:
    """The users of our own table."""

    def __init__(self, database: Database, demo: bool) -> None:
        self._database = database
        self._demo = demo

    def find(self, user_id: str) -> Account | None:
        row = self._database.one(READ_USER, id_=int(user_id)) if user_id.isdecimal() else None
        return None if row is None or row[2] is not None else Account(str(row[0]), row[1])

    def find_by_name(self, username: str) -> Account | None:
        with self._database.reading() as session:
            user = session.scalar(select(User).where(User.username_key == username_key(username)))
        return _account(user)

    def authenticate(self, username: str, password: str) -> Account | None:
        with self._database.reading() as session:
            user = session.scalar(select(User).where(User.username_key == username_key(username)))
        if len(password.encode()) > MAX_PASSWORD_BYTES:
            return None
        if self._demo:
            return _account(user) if password == DEMO_PASSWORD else None
        right = check_password(password, user.password_hash if user else None)
        return _account(user) if right else None

    def create(self, username: str, password: str | None = None) -> Account:
        """Add a user; without a password, nobody can log in as them outside the demo.

        Raises :class:`UsernameError` for a name that is malformed or taken.
        """
        name = check_username(username)
        user = User(
            username=name,
            username_key=username_key(name),
            password_hash=None if password is None else hash_password(password),
            created_at=clock.now(),
        )
        try:
            with self._database.writing() as session:
                session.add(user)
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


def _account(user: User | None) -> Account | None:
    return None if user is None or user.disabled_at is not None else Account(str(user.id), user.username)


class Subjects:
    """The random identifiers by which tokens know users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_user(self, user_id: str) -> tuple[str, int]:
        """Return the user's subject, made at the first call, and its token epoch."""
        found = self._database.one(READ_SUBJECT, user_id_=user_id)
        if found is None:
            try:
                with self._database.writing() as session:
                    session.add(Subject(subject=new_identifier(), user_id=user_id, created_at=clock.now()))
            except IntegrityError:
                pass  # another request made it at the same moment
            found = self._database.one(READ_SUBJECT, user_id_=user_id)
        if found is None:
            raise LookupError("The subject was deleted at the moment it was made.")
        return found[0], found[1]

    def user_id_of(self, subject: str) -> str | None:
        """Return the users table's id of a subject, or ``None`` once it is gone."""
        row = self._database.one(READ_USER_ID, subject_=subject)
        return None if row is None else str(row[0])
