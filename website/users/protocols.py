"""Owns who the users are: the small protocol that any users table can satisfy, their names, and their subjects."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from .. import clock
from ..database import Database, Statement, Writer
from ..database.tables import subject
from ..identifiers import new_identifier
from ..models.subject import Subject

READ_SUBJECT = Statement(select(subject.subject, subject.token_epoch).where(subject.user_id == bindparam("user_id_")))
#: With a share lock where there are such: whoever raises the epoch waits for the transaction that looked at it.
HOLD_SUBJECT = Statement(
    select(subject.token_epoch, subject.signed_out_at)
    .where(subject.subject == bindparam("subject_"))
    .with_for_update(read=True)
)
READ_USER_ID = Statement(select(subject.user_id).where(subject.subject == bindparam("subject_")))

MAX_USERNAME_CHARACTERS = 150
#: Some single characters stand for a whole phrase, which the key spells out.
MAX_KEY_CHARACTERS = 400
MAX_ACR_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the provider sees one: ``id`` is the users table's own, as text."""

    id: str
    username: str
    #: Subject and token epoch as they were before the password was checked; ``None`` from users of another's.
    subject: str | None = None
    epoch: int | None = None
    #: Whether our own table says that they are an operator of this server.
    is_operator: bool = False


@dataclass(frozen=True, slots=True)
class HostLogin:
    """Who is logged in at an application that embeds the provider: the id of its user, and since when.

    ``auth_time`` is when the password or the like was checked, in seconds since the epoch; ``None`` where the
    application does not keep it, and the provider then takes the moment at which it first saw the login. ``acr`` is
    the class of that proof, one of the ``acr_values`` given to ``embed``, and ``amr`` its methods, such as ``pwd`` and
    ``otp`` (:rfc:`8176#section-2`): ID tokens say both (OpenID Connect Core 1.0, section 2).
    """

    user_id: str
    auth_time: int | None = None
    acr: str | None = None
    amr: Sequence[str] = ()

    def __post_init__(self) -> None:
        user_id, auth_time = cast(Any, self.user_id), cast(Any, self.auth_time)  # the host may not check types
        if not isinstance(user_id, str) or not isinstance(auth_time, int | None):
            raise TypeError("HostLogin: user_id is a text, auth_time a whole number of seconds or None.")
        acr, methods = cast(Any, self.acr), cast(Any, self.amr)
        if not isinstance(acr, str | None) or len(acr or "") > MAX_ACR_CHARACTERS:
            raise TypeError(f"HostLogin: acr is a text of at most {MAX_ACR_CHARACTERS} characters, or None.")
        if not isinstance(methods, (list, tuple)) or not all(isinstance(method, str) for method in methods):
            raise TypeError("HostLogin: amr is a list of texts.")
        object.__setattr__(self, "amr", tuple(methods))


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What an application that embeds the provider can do beside answering for its users."""

    #: Whether the provider can have it log somebody out.
    ends_logins: bool = False
    #: The classes of proof that its logins may name.
    acr_values: tuple[str, ...] = ()


class Users(Protocol):
    """What the provider asks of a users table. An embedding application passes its own."""

    def find(self, user_id: str) -> Account | None:
        """Return the user of that id who may log in, or ``None``."""
        ...

    def authenticate(self, username: str, password: str) -> Account | None:
        """Return the user whose name and password these are, or ``None``; equally slow either way."""
        ...


@runtime_checkable
class UsersWithClaims(Users, Protocol):
    """A users table that also tells clients about its users, within the scope that each user granted."""

    def claims(self, user_id: str) -> Mapping[str, Any]:
        """Return the claims of a user (OpenID Connect Core 1.0, section 5.1), by their names, as JSON can hold them.

        All that is known: who hears which of them is decided elsewhere. An attribute ``claims_supported``, a collection
        of names, says which ones users can have: a scope that gives none of them is not offered to clients.
        """
        ...


class UsernameError(ValueError):
    """A user name cannot be taken; the message is for the person who typed it."""


def username_key(username: str) -> str:
    """Return what two names share that a person would read as one: NFKC, casefold, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold()).split())


def check_username(username: str, max_characters: int = MAX_USERNAME_CHARACTERS) -> str:
    """Return the name with single spaces and none around it. Raises :class:`UsernameError`."""
    name = " ".join(username.split())
    if not name:
        raise UsernameError("Enter a user name.")
    if len(name) > max_characters:
        raise UsernameError(f"A name has at most {max_characters} characters.")
    if len(username_key(name)) > MAX_KEY_CHARACTERS:
        raise UsernameError("That name is too long once it is written out.")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") for character in name):
        raise UsernameError("A name has no control or invisible characters.")
    return name


class Subjects:
    """The random identifiers by which tokens know users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def subject_for_user(self, user_id: str) -> tuple[str, int]:
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

    def subject_for_account(self, account: Account) -> tuple[str, int]:
        """Return subject and epoch as they were when the password was checked, or as they are where nobody knows."""
        if account.subject is not None and account.epoch is not None:
            return account.subject, account.epoch
        return self.subject_for_user(account.id)

    def find(self, user_id: str) -> str | None:
        """Return the user's subject, or ``None`` where none was made yet."""
        row = self._database.one(READ_SUBJECT, user_id_=user_id)
        return None if row is None else str(row[0])

    def user_id_of(self, subject: str) -> str | None:
        """Return the users table's id of a subject, or ``None`` once it is gone."""
        row = self._database.one(READ_USER_ID, subject_=subject)
        return None if row is None else str(row[0])

    def lock_if_unchanged(self, writer: Writer, subject: str, epoch: int, since: int | None = None) -> bool:
        """Lock a subject until the transaction ends; tell whether its epoch is still the one given.

        It is not where a password was changed, or the account disabled or deleted, after the password was checked.
        For users of another's, who know no epoch, ``since`` says until when nothing of that kind may have happened.
        """
        row = writer.one(HOLD_SUBJECT, subject_=subject)
        if row is None or row[0] != epoch:
            return False
        return since is None or row[1] is None or row[1] <= since
