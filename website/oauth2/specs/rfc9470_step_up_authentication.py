"""Step-up authentication (:rfc:`9470`): an API learns when and how a token's user logged in, and may ask for more.

https://www.rfc-editor.org/rfc/rfc9470

``auth_time`` and ``acr`` are in introspection responses and JWT access tokens (section 6). An API for which they aren't
enough says so, and its client sends ``max_age`` or ``acr_values`` in its next authorization request. A refreshed token
says what its grant does: refreshing isn't logging in.
"""

from __future__ import annotations

from ...settings import Settings
from ..access_tokens import LiveToken
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_authentication_request",)


def find_auth_time(token: LiveToken) -> int | None:
    return token.token.auth_time


def find_acr(token: LiveToken) -> str | None:
    return token.token.acr


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_token_claim("auth_time", find_auth_time, is_standard=True)
    server.registry.add_token_claim("acr", find_acr, is_standard=True)
