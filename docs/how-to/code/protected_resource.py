"""Protected resource metadata (RFC 9728): an API that refuses a request says where to get a token.

https://www.rfc-editor.org/rfc/rfc9728

A client that knows only the API's URL can find the provider, as clients of the Model Context Protocol do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from authlib.oauth2 import OAuth2Error

from website.oauth2 import (
    ANY,
    AccessToken,
    AuthorizationServer,
    OAuth2Request,
    Response,
    Settings,
    TokenValidator,
    current_environ,
    json_response,
)

REQUIRES = ("rfc6750_bearer_token",)
WELL_KNOWN = "/.well-known/oauth-protected-resource"


def show_resource(server: AuthorizationServer, request: OAuth2Request) -> Response:
    """Describe the API (section 2). Its identifier is the issuer, which is the audience of our tokens."""
    return json_response(
        200,
        {
            "resource": request.issuer,
            "authorization_servers": [request.issuer],
            "scopes_supported": [*server.registry.scopes],
            "bearer_methods_supported": ["header"],
        },
    )


@dataclass(frozen=True)
class PointingValidator:
    """Validates tokens like the wrapped validator, and adds the metadata URL to its challenge (section 5.1)."""

    server: AuthorizationServer
    within: TokenValidator

    def authenticate(self, authorization: str) -> AccessToken:
        return self.within.authenticate(authorization)

    def check_scope(self, token: AccessToken, all_of: Iterable[str], any_of: Iterable[str]) -> None:
        self.within.check_scope(token, all_of, any_of)

    def challenge(self, error: OAuth2Error | None, scope: str) -> Response:
        answer = self.within.challenge(error, scope)
        address = self.server.issuer_of(current_environ.get()) + WELL_KNOWN
        headers = (
            (name, f'{value}, resource_metadata="{address}"' if name == "WWW-Authenticate" else value)
            for name, value in answer.headers
        )
        return replace(answer, headers=tuple(headers))


def register(server: AuthorizationServer, settings: Settings) -> None:
    def show(request: OAuth2Request) -> Response:
        return show_resource(server, request)

    server.registry.add_address(WELL_KNOWN, "show_protected_resource", {"GET": show}, cors=ANY)
    server.registry.wrap_token_validator("bearer", lambda validator: PointingValidator(server, validator))
    if settings.issuer:  # the demo's address depends on the request, but this list doesn't
        server.registry.add_metadata(protected_resources=[settings.issuer])
