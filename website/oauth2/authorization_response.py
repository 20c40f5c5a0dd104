"""The authorization response, which returns a code, a token or an error to the client through the browser.

It is only built here, so that ``state``, ``iss``, the response mode and the status are always right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError

from .. import response_types
from ..redirect_uris import with_query
from .errors import NO_STORE, Response, error_members
from .form_encoding import Pairs
from .requests import OAuth2Request
from .spec_interfaces import ResponseMode, ResponseParameter

QUERY, FRAGMENT = "query", "fragment"


class AuthorizationResponses:
    """Builds authorization responses."""

    def __init__(self, parameters: Sequence[ResponseParameter], modes: Mapping[str, ResponseMode]) -> None:
        """``parameters`` are added to every response; ``modes`` are the response modes by name."""
        self._parameters = parameters
        self._modes = modes

    def check_mode(self, request: OAuth2Request) -> None:
        """Raise ``InvalidRequestError`` for a response mode that isn't allowed for the response type."""
        if self._asked_mode(request) is None:
            raise InvalidRequestError("The response_mode is not supported for this response_type.")

    def _asked_mode(self, request: OAuth2Request) -> ResponseMode | None:
        """Return the requested response mode, or ``None`` if it isn't allowed.

        Tokens are never sent in a query, which could end up in logs, and codes never in a fragment.
        """
        usual = _usual_mode(request)
        asked = request.payload.data.get("response_mode", usual)
        is_unfit = asked in (QUERY, FRAGMENT) and asked != usual
        return None if is_unfit else self._modes.get(asked)

    def build(self, request: OAuth2Request, redirect_uri: str, parameters: Iterable[tuple[str, str]]) -> Response:
        """Build a response for a verified redirect URI (:rfc:`6749#section-4.1.2`)."""
        pairs = list(parameters)
        if request.payload.state:
            pairs.append(("state", request.payload.state))
        pairs.extend(pair for parameter in self._parameters if (pair := parameter(request)) is not None)
        mode = self._asked_mode(request) or self._modes[_usual_mode(request)]
        return mode(request, redirect_uri, pairs)

    def build_error(self, request: OAuth2Request, error: OAuth2Error) -> Response:
        """Build an error response for a verified redirect URI."""
        parameters = error_members(error.error, error.get_error_description(), error.uri)
        return self.build(request, request.redirect_uri, parameters.items())


def _usual_mode(request: OAuth2Request) -> str:
    return FRAGMENT if response_types.comes_in_browser(request.payload.response_type) else QUERY


def _write_query(request: OAuth2Request, redirect_uri: str, pairs: Pairs) -> Response:
    # An empty fragment, so that the browser doesn't reattach the current one (RFC 9700, section 4.1.3), and a page that
    # reads its fragment finds nothing.
    return _redirect(request, f"{with_query(redirect_uri, pairs)}#")


def _write_fragment(request: OAuth2Request, redirect_uri: str, pairs: Pairs) -> Response:
    return _redirect(request, f"{redirect_uri}#{urlencode(pairs)}")


def _redirect(request: OAuth2Request, location: str) -> Response:
    """Use 303 after a POST, so that the browser doesn't post the form to the client (RFC 9700, section 4.12)."""
    status = 303 if request.method == "POST" else 302
    return Response(status, (("Location", location), *NO_STORE))


#: The modes that every authorization server has (OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1).
USUAL_MODES: Mapping[str, ResponseMode] = {QUERY: _write_query, FRAGMENT: _write_fragment}
