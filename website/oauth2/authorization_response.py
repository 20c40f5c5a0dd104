"""Owns the authorization response: what brings a code, a token or an error back to the client by way of the browser.

The one builder of it, so that ``state``, ``iss``, the response mode and the status are right in every case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError

from .. import response_types
from ..redirect_uris import with_query
from .errors import NO_STORE, Response, error_members
from .protocols import ResponseMode, ResponseParameter
from .requests import OAuth2Request, Pairs

QUERY, FRAGMENT = "query", "fragment"


class AuthorizationResponses:
    """Builds authorization responses."""

    def __init__(self, parameters: Sequence[ResponseParameter], modes: Mapping[str, ResponseMode]) -> None:
        """``parameters`` are added to every response; ``modes`` are the ways in which it may come, by name."""
        self._parameters = parameters
        self._modes = modes

    def check_mode(self, request: OAuth2Request) -> None:
        """Raise ``InvalidRequestError`` for a response mode that the response type may not have."""
        if self._asked_mode(request) is None:
            raise InvalidRequestError("The response_mode does not go with this response_type here.")

    def _asked_mode(self, request: OAuth2Request) -> ResponseMode | None:
        """Return the mode in which the answer is to come; ``None`` where it may not.

        No token comes in a query, which ends in logs, and no code in a fragment.
        """
        usual = _usual_mode(request)
        asked = request.payload.data.get("response_mode", usual)
        is_unfit = asked in (QUERY, FRAGMENT) and asked != usual
        return None if is_unfit else self._modes.get(asked)

    def build(self, request: OAuth2Request, redirect_uri: str, parameters: Iterable[tuple[str, str]]) -> Response:
        """Send a response to a redirect URI that was verified (:rfc:`6749#section-4.1.2`)."""
        pairs = list(parameters)
        if request.payload.state:
            pairs.append(("state", request.payload.state))
        pairs.extend(pair for parameter in self._parameters if (pair := parameter(request)) is not None)
        mode = self._asked_mode(request) or self._modes[_usual_mode(request)]
        return mode(request, redirect_uri, pairs)

    def build_error(self, request: OAuth2Request, error: OAuth2Error) -> Response:
        """Send an error to the client of a request whose redirect URI was verified."""
        parameters = error_members(error.error, error.get_error_description(), error.uri)
        return self.build(request, request.redirect_uri, parameters.items())


def _usual_mode(request: OAuth2Request) -> str:
    return FRAGMENT if response_types.comes_in_browser(request.payload.response_type) else QUERY


def _write_query(request: OAuth2Request, redirect_uri: str, pairs: Pairs) -> Response:
    # An empty fragment of our own: the browser attaches none that it came with (RFC 9700, section 4.1.3), and a page
    # that looks at its fragment finds nothing there.
    return _redirect(request, f"{with_query(redirect_uri, pairs)}#")


def _write_fragment(request: OAuth2Request, redirect_uri: str, pairs: Pairs) -> Response:
    return _redirect(request, f"{redirect_uri}#{urlencode(pairs)}")


def _redirect(request: OAuth2Request, location: str) -> Response:
    """303 after a POST, so that no browser posts a person's decision on (RFC 9700, section 4.12)."""
    status = 303 if request.method == "POST" else 302
    return Response(status, (("Location", location), *NO_STORE))


#: The modes that every authorization server has (OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1).
USUAL_MODES: Mapping[str, ResponseMode] = {QUERY: _write_query, FRAGMENT: _write_fragment}
