"""The scopes of OpenID Connect (OpenID Connect Core 1.0, sections 5.4 and 11): the data that clients can request.

https://openid.net/specs/openid-connect-core-1_0.html#ScopeClaims

Defined here with their descriptions for people. ``standard_claims.py`` lists the claims of each scope, and
``users/claims_by_scope.py`` chooses those of a request.
"""

from __future__ import annotations

from ...scopes import OFFLINE_ACCESS, OPENID, USERNAME_ALONE
from ...settings import DEFAULT_SCOPES, Settings
from ...translatable import N_
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

WORDS = {
    OPENID: N_("Log you in"),
    **DEFAULT_SCOPES,
    "email": N_("See your email address"),
    "address": N_("See your postal address"),
    "phone": N_("See your phone number"),
    OFFLINE_ACCESS: N_("Stay connected when you're not using it"),
}


def register(server: AuthorizationServer, settings: Settings) -> None:
    # Don't offer scopes for claims that an embedding application doesn't provide.
    words = {**WORDS, **(USERNAME_ALONE if server.accounts.claims.is_username_alone else {})}
    server.registry.add_scopes({scope: text for scope, text in words.items() if server.accounts.claims.can_tell(scope)})
