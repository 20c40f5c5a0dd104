"""Authorization server issuer identification (:rfc:`9207`): every authorization response contains the issuer.

https://www.rfc-editor.org/rfc/rfc9207

Including errors, in the query or the fragment: this prevents mix-up attacks.
"""

from __future__ import annotations

from ...settings import Settings
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()


def issuer_parameter(request: OAuth2Request) -> tuple[str, str]:
    return ("iss", request.issuer)


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_response_parameter(issuer_parameter)
    server.registry.add_metadata(authorization_response_iss_parameter_supported=True)
