"""Authorization server issuer identification (:rfc:`9207`): every authorization response says who sent it.

https://www.rfc-editor.org/rfc/rfc9207

Errors too, in the query and in the fragment alike: it ends the mix-up of two servers.
"""

from __future__ import annotations

from ...settings import Settings
from ..requests import OAuth2Request
from ..server import AuthorizationServer


def issuer_parameter(request: OAuth2Request) -> tuple[str, str]:
    return ("iss", request.issuer)


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.authorization_responses.add_parameter(issuer_parameter)
    server.add_metadata(authorization_response_iss_parameter_supported=True)
