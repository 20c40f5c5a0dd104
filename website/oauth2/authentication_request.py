"""What a client asks about the login itself, and whether a login meets it."""

from __future__ import annotations

from dataclasses import dataclass

from .. import clock
from ..sessions import CurrentLoginSession

#: How long somebody who logged in for a request may take to come back to it, however young the client wants the login.
RETURN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class FormerLogin:
    """The login of the browser when a request came, where the person was sent to log in for it."""

    #: Of its cookie; empty where nobody was logged in.
    token_hash: str
    #: When the request came, in seconds since the epoch.
    asked_at: int

    def is_followed_by(self, login: CurrentLoginSession) -> bool:
        """Tell whether a login is another one, of somebody who proved who they are since the request came."""
        return login.token_hash != self.token_hash and login.auth_time >= self.asked_at


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

    @property
    def looks_at_auth_time(self) -> bool:
        """Tell whether it matters when the person proved who they are."""
        return "login" in self.prompts or self.max_age is not None

    def expects(self, subject: str) -> bool:
        """Tell whether the client may be told of somebody whom it knows by ``subject``."""
        return self.subject is None or subject == self.subject

    def is_met_by(self, login: CurrentLoginSession, subject: str, former: FormerLogin | None) -> bool:
        """Tell whether a login does, of somebody whom the client knows by ``subject``.

        ``former`` is the login before it, where the person was sent to log in for this request. The age of the login is
        looked at in any case.
        """
        is_new = former is not None and former.is_followed_by(login)
        if not self.expects(subject) or (self.wants_new_login and not is_new):
            return False
        if self.max_age is None:
            return True
        return clock.now() - login.auth_time < max(self.max_age, RETURN_SECONDS if is_new else 1)


NOTHING_ASKED = AuthenticationRequest()
