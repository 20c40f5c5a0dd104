"""Owns protocol errors: the classes that Authlib lacks, what each code means, and the one writer of them.

A fault is raised where it is found, as one of Authlib's classes. Here it becomes JSON, or a redirect once client and
redirect URI are verified; ``routes/error_pages.py`` makes the pages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError

NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
JSON_HEADERS = (("Content-Type", "application/json"), *NO_STORE)
REALM = "Grantwright"
_encoder = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error code says to a person, whose turn it is to mend it, and where it is defined."""

    title: str
    whose_turn: str
    section: str


CLIENT_DEVELOPER, USER, OPERATOR = "the developer of the application", "you", "the operator of this server"

MEANINGS = {
    "invalid_request": Meaning("The request is malformed", CLIENT_DEVELOPER, "RFC 6749, section 4.1.2.1"),
    "invalid_client": Meaning("The application is not known here", CLIENT_DEVELOPER, "RFC 6749, section 5.2"),
    "invalid_grant": Meaning("The grant does not hold", CLIENT_DEVELOPER, "RFC 6749, section 5.2"),
    "unauthorized_client": Meaning(
        "The application may not ask in this way", CLIENT_DEVELOPER, "RFC 6749, section 4.1.2.1"
    ),
    "unsupported_response_type": Meaning(
        "This server does not answer in that way", CLIENT_DEVELOPER, "RFC 6749, section 4.1.2.1"
    ),
    "unsupported_grant_type": Meaning("This server has no such grant", CLIENT_DEVELOPER, "RFC 6749, section 5.2"),
    "invalid_scope": Meaning("The permission asked for does not exist", CLIENT_DEVELOPER, "RFC 6749, section 3.3"),
    "access_denied": Meaning("Access was denied", USER, "RFC 6749, section 4.1.2.1"),
    "invalid_token": Meaning("The access token does not hold", CLIENT_DEVELOPER, "RFC 6750, section 3.1"),
    "insufficient_scope": Meaning(
        "The access token does not reach this far", CLIENT_DEVELOPER, "RFC 6750, section 3.1"
    ),
    "insecure_transport": Meaning("This connection is not encrypted", OPERATOR, "RFC 6749, section 3.1"),
    "server_error": Meaning("The server failed", OPERATOR, "RFC 6749, section 4.1.2.1"),
    "temporarily_unavailable": Meaning("The server is busy", OPERATOR, "RFC 6749, section 4.1.2.1"),
}


class ServerError(OAuth2Error):
    """Something failed that is not the client's doing (:rfc:`6749#section-4.1.2.1`)."""

    error = "server_error"
    description = "The server met an unexpected condition. The request id finds it in the server's log."
    status_code = 500


class TemporarilyUnavailableError(OAuth2Error):
    """The server is overloaded; the same request may succeed a little later (:rfc:`6749#section-4.1.2.1`)."""

    error = "temporarily_unavailable"
    description = "The server is busy. Try again in a moment."
    status_code = 503


class TooManyRequestsError(OAuth2Error):
    """Too much came from one place (:rfc:`6585#section-4`); ``wait_seconds`` later it may succeed."""

    error = "temporarily_unavailable"
    description = "Too many requests. Wait as long as Retry-After says."
    status_code = 429

    def __init__(self, wait_seconds: int) -> None:
        super().__init__()
        self.wait_seconds = wait_seconds


class ClientAuthenticationError(InvalidClientError):
    """Client authentication failed (:rfc:`6749#section-5.2`). Never tells which part of it was wrong."""

    status_code = 401
    description = "Client authentication failed."


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the protocol floor, ready for either door."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def location(self) -> str | None:
        return next((value for name, value in self.headers if name == "Location"), None)


def json_response(status: int, content: object, *headers: tuple[str, str]) -> Response:
    """Return a JSON answer that no cache keeps (:rfc:`6749#section-5.1`)."""
    return Response(status, (*JSON_HEADERS, *headers), _encoder.encode(content).encode())


def error_response(error: OAuth2Error) -> Response:
    """Write an error as JSON (:rfc:`6749#section-5.2`); 401 brings the challenge that goes with it."""
    headers = []
    if isinstance(error, InvalidClientError) and error.status_code == 401:
        headers.append(("WWW-Authenticate", f'Basic realm="{REALM}"'))
    if error.status_code == 503:
        headers.append(("Retry-After", "2"))
    if isinstance(error, TooManyRequestsError):
        headers.append(("Retry-After", str(error.wait_seconds)))
    content = {"error": error.error}
    description = error.get_error_description()
    if description:
        content["error_description"] = description
    return json_response(error.status_code, content, *headers)
