"""Owns checking a name and password, wherever they come from: slowed down after wrong ones, and noted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..audit import FAILURE, REFUSED, Audit
from ..request_context import network_of, request_origin
from .local_users import LocalUsers
from .login_throttle import ACCOUNT, ADDRESS, BROWSER, LoginThrottle
from .passwords import TooManyLoginsError
from .protocols import Account, Users, username_key


class PasswordLogin:
    """Checks names and passwords against whatever users the application has."""

    def __init__(self, users: Users, throttle: LoginThrottle | None, audit: Audit) -> None:
        self._users = users
        self._throttle = throttle
        self._audit = audit

    def authenticate(
        self,
        username: str,
        password: str,
        *,
        known_browser: Callable[[str], str] = lambda _name: "",
        client: str | None = None,
    ) -> Account | None:
        """Return the user whose name or verified email address, and whose password, these are, or ``None``.

        ``known_browser`` takes the user name of the account and names the browser, if the account was logged in with
        it before; ``client`` is the row of the client that asks. Tries are counted for the account that was found,
        whichever of its names was typed. Raises ``TooManyTriesError`` and ``TooManyLoginsError``: then the password
        was not looked at.
        """
        name = self._users.name_of_login(username) if isinstance(self._users, LocalUsers) else username
        key, browser = username_key(name), known_browser(name)
        keys = {ADDRESS: network_of(request_origin()[0])}
        keys |= {BROWSER: f"{browser} {key}"} if browser else {ACCOUNT: key}
        waiting = self._throttle.count_try(keys) if self._throttle is not None else []
        try:
            account = self._users.authenticate(username, password)
        except TooManyLoginsError:
            if self._throttle is not None:
                self._throttle.take_back(keys)
            raise
        if account is None:
            self._note("login", FAILURE, name, client)
            if waiting:  # noted as it begins: who is refused after that writes nothing
                self._note("login_throttled", REFUSED, name, client, {"by": waiting})
        elif self._throttle is not None:
            self._throttle.forgive(keys)
        return account

    def _note(
        self, event: str, outcome: str, username: str, client: str | None, detail: dict[str, Any] | None = None
    ) -> None:
        """Note a failure, with the account if there is one. What was typed is not noted: it may be a password."""
        subject = self._users.subject_of_name(username) if isinstance(self._users, LocalUsers) else None
        self._audit.record(event, outcome, actor="", subject=subject, client=client, detail=detail)
