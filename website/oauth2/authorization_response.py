"""Owns the authorization response: the redirect that brings a code, a token or an error back to the client.

The one builder of it, so that ``state``, ``iss``, the response mode and the status are right in every case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error

from .errors import NO_STORE, Response, error_members
from .requests import OAuth2Request

ResponseParameter = Callable[[OAuth2Request], tuple[str, str]]
QUERY, FRAGMENT = "query", "fragment"


class AuthorizationResponses:
    """Builds authorization responses."""

    def __init__(self) -> None:
        self._parameters: list[ResponseParameter] = []

    def add_parameter(self, parameter: ResponseParameter) -> None:
        """Have every response, errors included, carry one more parameter."""
        self._parameters.append(parameter)

    def build(
        self, request: OAuth2Request, redirect_uri: str, parameters: Iterable[tuple[str, str]], mode: str
    ) -> Response:
        """Send the browser to a redirect URI that was verified (:rfc:`6749#section-4.1.2`).

        303 after a POST, so that no browser posts a person's decision on (RFC 9700, section 4.12).
        """
        pairs = list(parameters)
        if request.payload.state:
            pairs.append(("state", request.payload.state))
        pairs.extend(parameter(request) for parameter in self._parameters)
        encoded = urlencode(pairs)
        if mode == FRAGMENT:
            location = f"{redirect_uri}#{encoded}"
        else:
            # A fragment of our own: the browser attaches none that it came with (RFC 9700, section 4.1.3).
            location = f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{encoded}#_"
        status = 303 if request.method == "POST" else 302
        return Response(status, (("Location", location), *NO_STORE))

    def build_error(self, request: OAuth2Request, error: OAuth2Error) -> Response:
        """Send an error to the client. ``error.redirect_uri`` was set where it had been verified."""
        parameters = error_members(error.error, error.get_error_description(), error.uri)
        mode = FRAGMENT if error.redirect_fragment else QUERY
        return self.build(request, error.redirect_uri, parameters.items(), mode)
