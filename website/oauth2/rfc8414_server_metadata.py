"""Authorization server metadata (:rfc:`8414`): the server says what it can do.

https://www.rfc-editor.org/rfc/rfc8414

It is what the specifications registered, so it cannot promise what is switched off.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from authlib.oauth2.rfc8414 import get_well_known_url

from ..cors import ANY, OPEN_TO_ANY
from ..settings import Settings
from .errors import Response, json_response
from .requests import OAuth2Request

if TYPE_CHECKING:
    from .server import AuthorizationServer

WELL_KNOWN = "/.well-known/oauth-authorization-server"


def register(server: AuthorizationServer, settings: Settings) -> None:
    @lru_cache(maxsize=16)
    def describe(issuer: str) -> Response:
        written = json_response(200, server.describe(issuer))
        headers = (
            ("Content-Type", "application/json"),
            ("Cache-Control", "public, max-age=300"),
            OPEN_TO_ANY,
        )
        return Response(200, headers, written.body)

    def show_metadata(request: OAuth2Request) -> Response:
        return describe(request.issuer)

    # Under an issuer with a path, the well-known part stands before that path (RFC 8414, section 3.1).
    for path in dict.fromkeys((WELL_KNOWN, get_well_known_url(settings.issuer))):
        server.register_address(path, "show_server_metadata", {"GET": show_metadata}, cors=ANY)
