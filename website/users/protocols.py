"""The protocol for any users table, usernames, and subjects."""

from __future__ import annotations

import re
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
from ..translatable import N_

READ_SUBJECT = Statement(select(subject.subject, subject.token_epoch).where(subject.user_id == bindparam("user_id_")))
#: With a shared lock, if supported: increasing the epoch waits for the transaction that has read it.
HOLD_SUBJECT = Statement(
    select(subject.token_epoch, subject.signed_out_at)
    .where(subject.subject == bindparam("subject_"))
    .with_for_update(read=True)
)
READ_USER_ID = Statement(select(subject.user_id).where(subject.subject == bindparam("subject_")))

MAX_USERNAME_CHARACTERS = 150
#: What is shown as nothing, whatever its category: Unicode's Default_Ignorable_Code_Point, and an empty Braille cell.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Longer than a name, as normalization expands some single characters to whole phrases.
MAX_KEY_CHARACTERS = 400
MAX_ACR_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Account:
    """A user as seen by the provider: ``id`` is the users table's own id as a string."""

    id: str
    username: str
    #: Subject and token epoch from before the password check; ``None`` for external users.
    subject: str | None = None
    epoch: int | None = None
    #: Whether they have the operator role in our own table.
    is_operator: bool = False
    #: The language that they prefer for pages and mail, as a tag such as ``de`` or ``en-GB``; ``None`` if unknown.
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class HostLogin:
    """A login at the embedding application: the id of its user, and since when.

    ``auth_time`` is when the user authenticated, in seconds since the epoch; with ``None`` the provider uses the time
    when it first saw the login. ``acr`` is the authentication context class, one of the ``acr_values`` passed to
    ``embed``, and ``amr`` the authentication methods, such as ``pwd`` and ``otp`` (:rfc:`8176#section-2`). ID tokens
    include both (OpenID Connect Core 1.0, section 2).
    """

    user_id: str
    auth_time: int | None = None
    acr: str | None = None
    amr: Sequence[str] = ()

    def __post_init__(self) -> None:
        user_id, auth_time = cast(Any, self.user_id), cast(Any, self.auth_time)  # the host may not check types
        if not isinstance(user_id, str) or not isinstance(auth_time, int | None):
            raise TypeError("HostLogin: user_id must be a string, auth_time an integer in seconds or None.")
        acr, methods = cast(Any, self.acr), cast(Any, self.amr)
        if not isinstance(acr, str | None) or len(acr or "") > MAX_ACR_CHARACTERS:
            raise TypeError(f"HostLogin: acr must be a string of at most {MAX_ACR_CHARACTERS} characters, or None.")
        if not isinstance(methods, (list, tuple)) or not all(isinstance(method, str) for method in methods):
            raise TypeError("HostLogin: amr must be a list of strings.")
        object.__setattr__(self, "amr", tuple(methods))


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The abilities of an embedding application besides its users."""

    #: Whether the provider can make it log somebody out.
    ends_logins: bool = False
    #: The authentication context classes that its logins may have.
    acr_values: tuple[str, ...] = ()


class Users(Protocol):
    """A users table. An embedding application passes its own."""

    def find(self, user_id: str) -> Account | None:
        """Return the user with an id if they may log in, else ``None``."""
        ...

    def authenticate(self, username: str, password: str) -> Account | None:
        """Return the user with this username and password, or ``None``; equally slow either way."""
        ...


@runtime_checkable
class UsersWithClaims(Users, Protocol):
    """A users table with claims, which clients get within the scope that each user granted."""

    def claims(self, user_id: str) -> Mapping[str, Any]:
        """Return the claims of a user by name (OpenID Connect Core 1.0, section 5.1), as JSON values.

        Return all claims: the provider decides which ones a client gets. An optional attribute ``claims_supported``, a
        collection of names, lists the claims that users can have: a scope with none of them isn't offered to clients.
        """
        ...


class UsernameError(ValueError):
    """A username isn't acceptable; the message is for the person who typed it."""


def username_key(username: str) -> str:
    """Return the normalized form that makes equivalent names equal: NFKC, casefold, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold()).split())


def check_username(username: str, max_characters: int = MAX_USERNAME_CHARACTERS) -> str:
    """Return the name with normalized spaces. Raises :class:`UsernameError`."""
    name = " ".join(username.split())
    if not name:
        raise UsernameError(N_("Enter a username."))
    if len(name) > max_characters:
        raise UsernameError(N_("Use at most %(count)s characters.", count=max_characters))
    if len(username_key(name)) > MAX_KEY_CHARACTERS:
        raise UsernameError(N_("That username is too long when normalized."))
    is_control = (unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") for character in name)
    if any(is_control) or _INVISIBLE.search(name):
        raise UsernameError(N_("Remove control and invisible characters."))
    return name


class Subjects:
    """The random identifiers of users in tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def subject_for_user(self, user_id: str) -> tuple[str, int]:
        """Return the user's subject, created on the first call, and its token epoch."""
        found = self._database.one(READ_SUBJECT, user_id_=user_id)
        if found is None:
            try:
                with self._database.writing() as session:
                    session.add(Subject(subject=new_identifier(), user_id=user_id, created_at=clock.now()))
            except IntegrityError:
                pass  # another request has just created it
            found = self._database.one(READ_SUBJECT, user_id_=user_id)
        if found is None:
            raise LookupError("The subject was deleted right after its creation.")
        return found[0], found[1]

    def subject_for_account(self, account: Account) -> tuple[str, int]:
        """Return subject and epoch from the time of the password check, or the current ones if unknown."""
        if account.subject is not None and account.epoch is not None:
            return account.subject, account.epoch
        return self.subject_for_user(account.id)

    def find(self, user_id: str) -> str | None:
        """Return the user's subject, or ``None`` if there is none yet."""
        row = self._database.one(READ_SUBJECT, user_id_=user_id)
        return None if row is None else str(row[0])

    def user_id_of(self, subject: str) -> str | None:
        """Return the users table's id of a subject, or ``None`` if it was deleted."""
        row = self._database.one(READ_USER_ID, subject_=subject)
        return None if row is None else str(row[0])

    def lock_if_unchanged(self, writer: Writer, subject: str, epoch: int, since: int | None = None) -> bool:
        """Lock a subject until the transaction ends; tell whether its epoch is still the one given.

        It isn't if the password was changed, or the account disabled or deleted, after the password check. For
        external users, which have no epoch, nothing of this kind may have happened after ``since``.
        """
        row = writer.one(HOLD_SUBJECT, subject_=subject)
        if row is None or row[0] != epoch:
            return False
        return since is None or row[1] is None or row[1] <= since
