"""Owns protocol errors: the classes that Authlib lacks, and the one writer of them.

A fault is raised where it is found, as one of Authlib's classes. Here it becomes JSON; ``authorization_response.py``
makes it a redirect once client and redirect URI are verified, ``routes/error_pages.py`` a page. What each code means
stands in ``catalogue.py``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError

from ..errors.catalogue import CATALOGUE
from ..request_context import current_environ, error_pages_of

NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
JSON_HEADERS = (("Content-Type", "application/json"), *NO_STORE)
REALM = "Grantwright"
_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class ServerError(OAuth2Error):
    """Something failed that is not the client's doing (:rfc:`6749#section-4.1.2.1`)."""

    error = "server_error"
    description = "Unexpected server error. The request ID finds it in the server's log."
    status_code = 500


class UnmetAuthenticationRequirementsError(OAuth2Error):
    """The login is not proved as the client needs it.

    https://openid.net/specs/openid-connect-unmet-authentication-requirements-1_0.html
    """

    error = "unmet_authentication_requirements"
    description = "This server supports none of the requested acr values."


class TemporarilyUnavailableError(OAuth2Error):
    """The server is overloaded; the same request may succeed a little later (:rfc:`6749#section-4.1.2.1`)."""

    error = "temporarily_unavailable"
    description = "The server is busy. Try again in a moment."
    status_code = 503


class ClientKeysUnavailableError(TemporarilyUnavailableError):
    """The keys of the client cannot be fetched at the moment: whether it signed this, nobody can tell yet."""

    description = "The client's keys can't be fetched from its jwks_uri at the moment. Try again in a moment."


class TooManyRequestsError(OAuth2Error):
    """Too much came from one place (:rfc:`6585#section-4`); ``wait_seconds`` later it may succeed."""

    error = "temporarily_unavailable"
    description = "Too many requests. Wait for the number of seconds in Retry-After."
    status_code = 429

    def __init__(self, wait_seconds: int) -> None:
        super().__init__()
        self.wait_seconds = wait_seconds


class ClientAuthenticationError(InvalidClientError):
    """Client authentication failed (:rfc:`6749#section-5.2`). Never tells which part of it was wrong."""

    status_code = 401
    description = "Client authentication failed."


class RegistrationTokenError(OAuth2Error):
    """The token that goes with a registration is missing, or does not hold (:rfc:`7591#section-3`)."""

    error = "invalid_token"
    status_code = 401


@dataclass(frozen=True, slots=True)
class Form:
    """A form that the browser posts to a client: the address, and the fields."""

    action: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the protocol floor, ready for either door."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    #: In place of a body, for the people's door to make a page of.
    form: Form | None = None

    @property
    def location(self) -> str | None:
        return next((value for name, value in self.headers if name == "Location"), None)


def json_response(status: int, content: object, *headers: tuple[str, str]) -> Response:
    """Return a JSON answer that no cache keeps (:rfc:`6749#section-5.1`)."""
    return Response(status, (*JSON_HEADERS, *headers), _encoder.encode(content).encode())


def error_uri(code: str) -> str | None:
    """Return the address of the page about an error code, ``None`` where there is none (:rfc:`6749#section-5.2`).

    Outside of a request there is no issuer to build it on.
    """
    environ = current_environ.get(None)
    pages = error_pages_of(environ) if environ is not None and code in CATALOGUE else None
    return pages and f"{pages}/{code}"


def error_members(code: str, description: str | None, uri: str | None = None) -> dict[str, str]:
    """Return what an error consists of wherever it is sent: in JSON, in a redirect, in a challenge."""
    members = {"error": code, "error_description": description, "error_uri": uri or error_uri(code)}
    return {name: value for name, value in members.items() if value}


def json_error(status: int, code: str, description: str, *headers: tuple[str, str]) -> Response:
    """Return an error of a code and a text of our own as JSON."""
    return json_response(status, error_members(code, description), *headers)


def error_response(error: OAuth2Error) -> Response:
    """Write an error as JSON (:rfc:`6749#section-5.2`); 401 brings the challenge that goes with it."""
    headers = []
    if isinstance(error, InvalidClientError) and error.status_code == 401:
        headers.append(("WWW-Authenticate", f'Basic realm="{REALM}"'))
    if error.status_code == 503:
        headers.append(("Retry-After", "2"))
    if isinstance(error, TooManyRequestsError):
        headers.append(("Retry-After", str(error.wait_seconds)))
    content = error_members(error.error, error.get_error_description(), error.uri)
    if isinstance(error, RegistrationTokenError):
        parameters = (f'{name}="{value}"' for name, value in content.items())
        headers.append(("WWW-Authenticate", ", ".join([f'Bearer realm="{REALM}"', *parameters])))
    return json_response(error.status_code, content, *headers)
