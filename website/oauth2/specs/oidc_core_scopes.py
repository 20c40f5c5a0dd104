"""The scopes of OpenID Connect (OpenID Connect Core 1.0, sections 5.4 and 11): what clients may ask about a person.

https://openid.net/specs/openid-connect-core-1_0.html#ScopeClaims

Here they become known, with the words that people read. Which claims each one gives stands in ``claims.py``.
"""

from __future__ import annotations

from ...scopes import OFFLINE_ACCESS, OPENID, USERNAME_ALONE
from ...settings import DEFAULT_SCOPES, Settings
from ..server import AuthorizationServer

WORDS = {
    OPENID: "Sign you in",
    **DEFAULT_SCOPES,
    "email": "See your email address",
    "address": "See your postal address",
    "phone": "See your telephone number",
    OFFLINE_ACCESS: "Stay connected when you're not using it",
}


def register(server: AuthorizationServer, settings: Settings) -> None:
    # Nobody is asked to let a client see what an embedding application does not tell.
    words = {**WORDS, **(USERNAME_ALONE if server.user_claims.is_username_alone else {})}
    server.add_scopes({scope: text for scope, text in words.items() if server.user_claims.can_tell(scope)})
