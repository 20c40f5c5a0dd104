"""The token endpoint (:rfc:`6749#section-3.2`), which dispatches requests to grants.

https://www.rfc-editor.org/rfc/rfc6749#section-3.2

Also accepts multipart/form-data, as sent by ``curl -F``.
"""

from __future__ import annotations

from functools import partial

from ...clients.origins import REGISTERED
from ...settings import Settings
from ..client_authentication import BASIC, NONE, POST
from ..server import AuthorizationServer
from ..token_request import answer_token_request

TOKEN_ENDPOINT = "/oauth/token"  # noqa: S105 - a path


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.register_address(
        TOKEN_ENDPOINT,
        "issue_token",
        {"POST": partial(answer_token_request, server)},
        metadata="token_endpoint",
        multipart=True,
        cors=REGISTERED,
    )
    server.add_metadata(token_endpoint_auth_methods_supported=[BASIC, POST, NONE])
