"""The authorization endpoint (:rfc:`6749#section-3.1`): where a client sends a person's browser.

https://www.rfc-editor.org/rfc/rfc6749#section-3.1

The pages are in ``routes/authorize.py``, the checks in ``authorization_request.py``, and ``interaction.py`` decides the
next step.
"""

from __future__ import annotations

from ...settings import Settings
from ..authorization_request import AUTHORIZATION_ENDPOINT
from ..authorization_response import QUERY
from ..server import AuthorizationServer


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.authorization_parameters |= {"response_type", "client_id", "redirect_uri", "scope", "state", "response_mode"}
    server.name_address("authorization_endpoint", AUTHORIZATION_ENDPOINT)
    server.add_metadata(response_modes_supported=[QUERY])
