"""Step-up authentication (:rfc:`9470`): an API learns when and how a token's user logged in, and may ask for more.

https://www.rfc-editor.org/rfc/rfc9470

``auth_time`` and ``acr`` are in introspection responses and JWT access tokens (section 6). An API for which they aren't
enough says so, and its client sends ``max_age`` or ``acr_values`` in its next authorization request. A refreshed token
says what its grant does: refreshing isn't logging in.

The request succeeds with a login of one of the ``acr_values`` only (section 5), where OpenID Connect calls them a wish.
Its tokens then have the class that was asked for, even if the login is better. A client's ``default_acr_values`` count
for requests without any.
"""

from __future__ import annotations

from dataclasses import replace

from ...sessions.assurance import meets
from ...settings import Settings
from ..errors import UnmetAuthenticationRequirementsError
from ..requests import OAuth2Request
from ..server import AuthorizationServer
from ..token_acceptance import LiveToken

REQUIRES = ("oidc_core_authentication_request",)
DEFAULT_FIELD = "default_acr_values"


def find_auth_time(token: LiveToken) -> int | None:
    return token.token.auth_time


def find_acr(token: LiveToken) -> str | None:
    return token.token.acr


def register(server: AuthorizationServer, settings: Settings) -> None:
    def is_offered(wanted: str) -> bool:
        offered = server.sessions.acr_values
        return wanted in offered or (not server.accounts.are_external and any(meets(acr, wanted) for acr in offered))

    def read(request: OAuth2Request) -> None:
        """Read the wanted classes. Raises :class:`UnmetAuthenticationRequirementsError` if no login here has one."""
        text = request.payload.data.get("acr_values")
        wanted = request.client.metadata.get(DEFAULT_FIELD, ()) if text is None else text.split()
        if not wanted or not server.sessions.acr_values:
            return  # an application that embeds the provider may have no classes
        offered = tuple(filter(is_offered, wanted))
        if text is not None and not offered:
            raise UnmetAuthenticationRequirementsError
        request.asked = replace(request.asked, acr_values=offered)

    server.registry.add_authorization_request_extension(read)
    server.registry.add_token_claim("auth_time", find_auth_time, is_standard=True)
    server.registry.add_token_claim("acr", find_acr, is_standard=True)
