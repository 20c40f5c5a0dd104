"""The token endpoint (:rfc:`6749#section-3.2`), which dispatches requests to grants.

https://www.rfc-editor.org/rfc/rfc6749#section-3.2

Also accepts multipart/form-data, as sent by ``curl -F``.
"""

from __future__ import annotations

from functools import partial

from ...settings import Settings
from ..client_authentication import BASIC, NONE, POST
from ..endpoint_addresses import REGISTERED
from ..server import AuthorizationServer
from ..token_request import answer_token_request

REQUIRES: tuple[str, ...] = ()

TOKEN_ENDPOINT = "/oauth/token"  # noqa: S105 - a path


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_address(
        TOKEN_ENDPOINT,
        "issue_token",
        {"POST": partial(answer_token_request, server)},
        metadata="token_endpoint",
        auth_methods=(BASIC, POST, NONE),
        multipart=True,
        cors=REGISTERED,
    )
