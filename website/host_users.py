"""The users of an embedding application: asked within its context, and told about no further than it tells itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Flask

from .claims import CLAIMS_OF_SCOPE
from .database import DatabaseUnavailableError
from .logs import get_logger
from .users import Account, Users, UsersWithClaims

#: What is known of every user of a host: the name of its ``Account``.
USERNAME = "preferred_username"
log = get_logger("grantwright.embedding")


class HostUsers:
    """Asks the host's users within an application context of the host, whose extensions may need one."""

    def __init__(self, app: Flask, users: Users) -> None:
        self._app = app
        self._users = users
        self._claims = users.claims if isinstance(users, UsersWithClaims) else None
        #: The standard claims that the host can give: those that it names, all where it names none.
        self.claims_supported: Collection[str] = (USERNAME,)
        if self._claims is not None:
            every = [name for names in CLAIMS_OF_SCOPE.values() for name in names]
            self.claims_supported = {USERNAME, *getattr(users, "claims_supported", every)}

    def find(self, user_id: str) -> Account | None:
        with self._asking():
            return self._users.find(user_id)

    def authenticate(self, username: str, password: str) -> Account | None:
        with self._asking():
            return self._users.authenticate(username, password)

    def claims(self, user_id: str) -> Mapping[str, Any]:
        """Return what the host tells of a user; the username where it tells no ``preferred_username``."""
        with self._asking():
            account = self._users.find(user_id)
            if account is None:
                return {}
            told = {} if self._claims is None else self._claims(user_id)
            return {USERNAME: account.username, **told}

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn whatever fails at the host into our own word for it: 503, and nothing taken, given or ended."""
        try:
            with self._app.app_context():
                yield
        except Exception as error:
            log.exception("the users of the embedding application could not be asked")
            raise DatabaseUnavailableError from error
