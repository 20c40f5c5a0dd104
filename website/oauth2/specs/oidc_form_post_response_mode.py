"""OAuth 2.0 Form Post Response Mode: the browser posts the response to the client, so that it is never in a URL.

https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html

The response is built here; the page that posts it is ``templates/form_post.html``.
"""

from __future__ import annotations

from ...settings import Settings
from ..errors import NO_STORE, Form, Response
from ..form_encoding import Pairs
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

FORM_POST = "form_post"


def write_form(request: OAuth2Request, redirect_uri: str, pairs: Pairs) -> Response:
    """Return a response as a form that the browser posts to the redirect URI."""
    return Response(200, NO_STORE, form=Form(redirect_uri, tuple(pairs)))


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_response_mode(FORM_POST, write_form)
    server.registry.add_metadata(response_modes_supported=[FORM_POST])
