"""Checking a username and password from any source, with throttling and security events."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..audit import FAILURE, REFUSED, Audit
from .local_users import LocalUsers
from .login_names import count_key, count_keys
from .login_throttle import LoginThrottle, keys_of
from .password_queue import password_queue
from .users_protocol import Account, Users


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
        known_browser: Callable[[str], str] = lambda _user_id: "",
        client: str | None = None,
    ) -> Account | None:
        """Return the user with this password and this username or verified email address, or ``None``.

        ``known_browser`` takes the account's id, empty if there is none, and returns an identifier of the browser if
        the account has logged in with it before; ``client`` is the row of the requesting client. Attempts are counted
        for the typed name, whether or not an account has it: one count of both names of an account would tell that they
        are one account's. Raises ``TooManyTriesError`` and ``TooManyLoginsError`` without checking the password; the
        latter also without reading or writing anything.
        """
        with self._place():  # before the attempt is counted: a rejected one must not write
            return self._authenticate(username, password, known_browser, client)

    def _authenticate(
        self, username: str, password: str, known_browser: Callable[[str], str], client: str | None
    ) -> Account | None:
        owner = self._users.find_login_owner(username) if isinstance(self._users, LocalUsers) else None
        # The browser's cookie is read for a name that nobody has, too: to verify its signature takes time.
        browser = known_browser(str(owner.id) if owner is not None else "")
        keys = keys_of(str(owner.id) if owner is not None and browser else count_key(username), browser)
        waiting = self._throttle.count_try(keys) if self._throttle is not None else []
        account = self._users.authenticate(username, password)
        if account is None:
            subject = owner.subject if owner is not None else None
            self._note("login", FAILURE, subject, client)
            if waiting:  # recorded once, as rejected attempts write nothing
                self._note("login_throttled", REFUSED, subject, client, {"by": waiting})
        elif self._throttle is not None:
            # The count of the account's other name, too, which its owner may type next time.
            self._throttle.forgive(keys, accounts=count_keys(owner) if owner is not None and not browser else ())
        return account

    def _note(
        self, event: str, outcome: str, subject: str | None, client: str | None, detail: dict[str, Any] | None = None
    ) -> None:
        """Record a failure, with the account if it exists. The typed name isn't recorded: it may be a password."""
        self._audit.record(event, outcome, actor="", subject=subject, client=client, detail=detail)
