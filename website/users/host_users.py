"""The users of an embedding application, asked within an application context of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..claims import STANDARD_CLAIMS
from ..database import DatabaseUnavailableError
from ..logs import get_logger
from .protocols import Account, Users, UsersWithClaims

log = get_logger("grantwright.embedding")
#: Begins an application context of the host.
Context = Callable[[], AbstractContextManager[object]]


def in_context_of(host: Context, users: Users) -> Users:
    """Return the host's users as the provider can ask them: the host's extensions may need its application context."""
    if isinstance(users, UsersWithClaims):
        return _UsersWithClaimsInContext(host, users)
    return _UsersInContext(host, users)


class _UsersInContext:
    """Users who tell no claims."""

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
        """Turn whatever fails at the host into our own word for it: 503, and nothing taken, given or ended."""
        try:
            with self._host():
                yield
        except Exception as error:
            log.exception("the users of the embedding application could not be asked")
            raise DatabaseUnavailableError from error


class _UsersWithClaimsInContext(_UsersInContext):
    """Users who tell claims, and may say which."""

    def __init__(self, host: Context, users: UsersWithClaims) -> None:
        super().__init__(host, users)
        self._claims = users.claims
        self.claims_supported: Collection[str] = getattr(users, "claims_supported", STANDARD_CLAIMS)

    def claims(self, user_id: str) -> Mapping[str, Any]:
        with self._asking():
            return self._claims(user_id)
