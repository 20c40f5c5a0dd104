"""The authorization endpoint (:rfc:`6749#section-3.1`): where a client sends a person's browser.

https://www.rfc-editor.org/rfc/rfc6749#section-3.1

The pages are in ``routes/authorization/authorize.py``, the checks in ``authorization_request.py``, and
``interaction_steps.py`` decides the next step.
"""

from __future__ import annotations

from ...settings import Settings
from ..authorization_request import AUTHORIZATION_ENDPOINT
from ..authorization_response import QUERY
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

PARAMETERS = ("response_type", "client_id", "redirect_uri", "scope", "state", "response_mode")


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_authorization_parameters(*PARAMETERS)
    server.registry.add_page(AUTHORIZATION_ENDPOINT, "authorize", metadata="authorization_endpoint")
    server.registry.add_metadata(response_modes_supported=[QUERY])
