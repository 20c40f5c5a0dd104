"""Owns checking a name and password, wherever they come from: slowed down after wrong ones, and noted."""

from __future__ import annotations

from typing import Any

from .audit import FAILURE, REFUSED, Audit
from .local_users import LocalUsers
from .login_throttle import ACCOUNT, ADDRESS, BROWSER, LoginThrottle, network_of
from .passwords import TooManyLoginsError
from .request_context import request_origin
from .users import Account, Users, username_key


class PasswordLogin:
    """Checks names and passwords against whatever users the application has."""

    def __init__(self, users: Users, throttle: LoginThrottle | None, audit: Audit) -> None:
        self._users = users
        self._throttle = throttle
        self._audit = audit

    def authenticate(
        self, username: str, password: str, *, known_browser: str = "", client: str | None = None
    ) -> Account | None:
        """Return the user whose name and password these are, or ``None``.

        ``known_browser`` names a browser in which this account was logged in before; ``client`` the row of the client
        that asks. Raises ``TooManyTriesError`` and ``TooManyLoginsError``: the password was not looked at.
        """
        key = username_key(username)
        keys = {ADDRESS: network_of(request_origin()[0])}
        keys |= {BROWSER: f"{known_browser} {key}"} if known_browser else {ACCOUNT: key}
        waiting = self._throttle.count_try(keys) if self._throttle is not None else []
        try:
            account = self._users.authenticate(username, password)
        except TooManyLoginsError:
            if self._throttle is not None:
                self._throttle.take_back(keys)
            raise
        if account is None:
            self._note("login", FAILURE, username, client)
            if waiting:  # noted as it begins: who is refused after that writes nothing
                self._note("login_throttled", REFUSED, username, client, {"by": waiting})
        elif self._throttle is not None:
            self._throttle.forgive(keys)
        return account

    def _note(
        self, event: str, outcome: str, username: str, client: str | None, detail: dict[str, Any] | None = None
    ) -> None:
        """Note a failure, with the account if there is one. What was typed is not noted: it may be a password."""
        subject = self._users.subject_of_name(username) if isinstance(self._users, LocalUsers) else None
        self._audit.record(event, outcome, actor="", subject=subject, client=client, detail=detail)
