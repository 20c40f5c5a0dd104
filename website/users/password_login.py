"""Checking a username and password from any source, with throttling and security events."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..audit import FAILURE, REFUSED, Audit
from .local_users import LocalUsers
from .login_throttle import LoginThrottle, keys_of
from .password_queue import password_queue
from .protocols import Account, Users, username_key


class PasswordLogin:
    """Checks usernames and passwords against the application's users."""

    def __init__(self, users: Users, throttle: LoginThrottle | None, audit: Audit) -> None:
        self._users = users
        self._throttle = throttle
        self._audit = audit
        # The demo hashes no passwords, and an embedding application has its own way.
        hashes_passwords = isinstance(users, LocalUsers) and throttle is not None
        self._place: Callable[[], AbstractContextManager[None]] = (
            password_queue.place if hashes_passwords else nullcontext
        )

    def authenticate(
        self,
        username: str,
        password: str,
        *,
        known_browser: Callable[[str], str] = lambda _name: "",
        client: str | None = None,
    ) -> Account | None:
        """Return the user with this password and this username or verified email address, or ``None``.

        ``known_browser`` takes the account's username and returns an identifier of the browser if the account has
        logged in with it before; ``client`` is the row of the requesting client. Attempts are counted for the account,
        regardless of which of its names was typed. Raises ``TooManyTriesError`` and ``TooManyLoginsError`` without
        checking the password; the latter also without reading or writing anything.
        """
        with self._place():  # before the attempt is counted: a rejected one must not write
            return self._authenticate(username, password, known_browser, client)

    def _authenticate(
        self, username: str, password: str, known_browser: Callable[[str], str], client: str | None
    ) -> Account | None:
        name = self._users.name_of_login(username) if isinstance(self._users, LocalUsers) else username
        keys = keys_of(username_key(name), known_browser(name))
        waiting = self._throttle.count_try(keys) if self._throttle is not None else []
        account = self._users.authenticate(username, password)
        if account is None:
            self._note("login", FAILURE, name, client)
            if waiting:  # recorded once, as rejected attempts write nothing
                self._note("login_throttled", REFUSED, name, client, {"by": waiting})
        elif self._throttle is not None:
            self._throttle.forgive(keys)
        return account

    def _note(
        self, event: str, outcome: str, username: str, client: str | None, detail: dict[str, Any] | None = None
    ) -> None:
        """Record a failure, with the account if it exists. The typed name isn't recorded: it may be a password."""
        subject = self._users.subject_of_name(username) if isinstance(self._users, LocalUsers) else None
        self._audit.record(event, outcome, actor="", subject=subject, client=client, detail=detail)
