"""A client's requirements for the login, and whether a login session meets them."""

from __future__ import annotations

from dataclasses import dataclass

from .. import clock
from ..sessions import CurrentLoginSession
from ..sessions.assurance import PASSKEY_ALONE, SEVERAL

#: How long after logging in for a request a person may take to return to it, even if ``max_age`` is shorter.
RETURN_SECONDS = 60
#: How long a second factor may take in between: a login is as old as its first one.
SECOND_FACTOR_SECONDS = 600


@dataclass(frozen=True, slots=True)
class FormerLogin:
    """The browser's login session when a request arrived, if the person was sent to log in for it."""

    #: The hash of its cookie; empty if nobody was logged in.
    token_hash: str
    #: When the request arrived, in seconds since the epoch.
    asked_at: int

    def is_followed_by(self, login: CurrentLoginSession) -> bool:
        """Tell whether a login is a different one, with authentication since the request arrived."""
        return login.token_hash != self.token_hash and login.auth_time >= self.asked_at


@dataclass(frozen=True, slots=True)
class AuthenticationRequest:
    """A client's requirements for the login (OpenID Connect Core 1.0, section 3.1.2.1); by default none."""

    prompts: frozenset[str] = frozenset()
    #: The maximum time since the person authenticated, in seconds.
    max_age: int | None = None
    #: The subject that the client expects.
    subject: str | None = None
    #: The authentication context classes of which one is essential; empty if any will do.
    acrs: tuple[str, ...] = ()
    #: Those that are asked for by ``acr_values``, best first, as far as there are such logins here.
    acr_values: tuple[str, ...] = ()
    #: The username to fill in on the login form.
    login_hint: str = ""

    @property
    def wanted_classes(self) -> tuple[str, ...]:
        """The classes of which a login has to have one; what is essential decides."""
        return self.acrs or self.acr_values

    @property
    def allows_no_page(self) -> bool:
        return "none" in self.prompts

    @property
    def wants_new_login(self) -> bool:
        return not self.prompts.isdisjoint(("login", "select_account", "create"))

    @property
    def wants_new_account(self) -> bool:
        return "create" in self.prompts

    @property
    def may_want_another_login(self) -> bool:
        """Tell whether an existing login may be insufficient, so that the request is stored for another login."""
        return self.wants_new_login or self.max_age is not None or self.subject is not None

    @property
    def looks_at_auth_time(self) -> bool:
        """Tell whether it matters when the person authenticated."""
        return "login" in self.prompts or self.max_age is not None

    def expects(self, subject: str) -> bool:
        """Tell whether the client accepts the user that it knows as ``subject``."""
        return self.subject is None or subject == self.subject

    def is_met_by(self, login: CurrentLoginSession, subject: str, former: FormerLogin | None) -> bool:
        """Tell whether a login of the user that the client knows as ``subject`` is sufficient.

        ``former`` is the previous login if the person was sent to log in for this request. The age of the login is
        always checked.
        """
        is_new = former is not None and former.is_followed_by(login)
        if not self.expects(subject) or (self.wants_new_login and not is_new):
            return False
        if self.max_age is None:
            return True
        return clock.now() - login.auth_time < max(self.max_age, _return_seconds(login) if is_new else 1)


def _return_seconds(login: CurrentLoginSession) -> int:
    # A passkey alone has asked for nothing in between: its login is as old as itself.
    has_second_factor = SEVERAL in login.amr and login.acr != PASSKEY_ALONE
    return RETURN_SECONDS + (SECOND_FACTOR_SECONDS if has_second_factor else 0)


NOTHING_ASKED = AuthenticationRequest()
