"""The protocol for any users table: what the provider asks of it, and an account and a login as it sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

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
