"""Owns what a client asks about the login itself, and whether a login is that."""

from __future__ import annotations

from dataclasses import dataclass

from .. import clock
from ..sessions import Login


@dataclass(frozen=True, slots=True)
class AuthenticationRequest:
    """What a client asks about the login (OpenID Connect Core 1.0, section 3.1.2.1); by default nothing."""

    prompts: frozenset[str] = frozenset()
    #: How many seconds ago the person may have proved who they are.
    max_age: int | None = None
    #: The subject that the client expects.
    subject: str | None = None
    #: The classes of proof of which one has to hold; any will do where there is none.
    acrs: tuple[str, ...] = ()
    #: A name for the login form to begin with.
    login_hint: str = ""

    @property
    def allows_no_page(self) -> bool:
        return "none" in self.prompts

    @property
    def wants_new_login(self) -> bool:
        return not self.prompts.isdisjoint(("login", "select_account"))

    @property
    def may_want_another_login(self) -> bool:
        """Tell whether a login that is there may not do: the request has to be kept while the person logs in again."""
        return self.wants_new_login or self.max_age is not None or self.subject is not None

    def is_met_by(self, login: Login, subject: str, former_login: str | None) -> bool:
        """Tell whether a login does, of somebody whom the client knows by ``subject``.

        ``former_login`` is the login that did not do, where the person was sent to log in again: the next one is new,
        whatever the clock says.
        """
        if self.subject is not None and subject != self.subject:
            return False
        if former_login is not None and login.token_hash != former_login:
            return True
        if self.wants_new_login:
            return False
        return self.max_age is None or clock.now() - login.auth_time < max(self.max_age, 1)


NOTHING_ASKED = AuthenticationRequest()
