"""The JSON Web Key Set (:rfc:`7517#section-5`): the public keys for verifying our signatures.

https://www.rfc-editor.org/rfc/rfc7517#section-5

It includes the next key before its first use, and a retired key until its last token has expired.
"""

from __future__ import annotations

from ...settings import Settings
from ..endpoint_addresses import ANY, OPEN_TO_ANY
from ..errors import Response
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

JWKS_URI = "/oauth/jwks"
HEADERS = (
    ("Content-Type", "application/jwk-set+json"),
    ("Cache-Control", "public, max-age=300"),
    OPEN_TO_ANY,
)


def register(server: AuthorizationServer, settings: Settings) -> None:
    def show_jwks(request: OAuth2Request) -> Response:
        return Response(200, HEADERS, server.keys.keyring.jwks)

    server.registry.add_address(JWKS_URI, "show_jwks", {"GET": show_jwks}, metadata="jwks_uri", cors=ANY)
