"""The users of an embedding application, called in its application context."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..database import DatabaseUnavailableError
from ..logs import get_logger
from ..standard_claims import STANDARD_CLAIMS
from .users_protocol import Account, Users, UsersWithClaims

log = get_logger("grantwright.embedding")
#: Opens an application context of the host.
Context = Callable[[], AbstractContextManager[object]]


def in_context_of(host: Context, users: Users) -> Users:
    """Wrap the host's users in its application context, which the host's extensions may need."""
    if isinstance(users, UsersWithClaims):
        return _UsersWithClaimsInContext(host, users)
    return _UsersInContext(host, users)


class _UsersInContext:
    """Users without claims."""

    def __init__(self, host: Context, users: Users) -> None:
        self._host = host
        self._users = users

    def find(self, user_id: str) -> Account | None:
        with self._asking():
            return self._users.find(user_id)

    def authenticate(self, username: str, password: str) -> Account | None:
        with self._asking():
            return self._users.authenticate(username, password)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn all exceptions of the host into our own: the response is 503, and nothing is changed."""
        try:
            with self._host():
                yield
        except Exception as error:
            log.exception("the users of the embedding application failed")
            raise DatabaseUnavailableError from error


class _UsersWithClaimsInContext(_UsersInContext):
    """Users with claims, and optionally a list of the supported ones."""

    def __init__(self, host: Context, users: UsersWithClaims) -> None:
        super().__init__(host, users)
        self._claims = users.claims
        self.claims_supported: Collection[str] = getattr(users, "claims_supported", STANDARD_CLAIMS)

    def claims(self, user_id: str) -> Mapping[str, Any]:
        with self._asking():
            return self._claims(user_id)
