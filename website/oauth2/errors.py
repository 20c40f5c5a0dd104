"""Protocol errors: the classes that Authlib lacks, and the writer of error responses.

Errors are raised as Authlib's classes where they occur. Here they become JSON; ``authorization_response.py`` turns them
into redirects once client and redirect URI are verified, and ``routes/errors/error_pages.py`` into pages.
``catalogue.py`` explains each code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError

from ..clients import Client
from ..compact_json import write_json
from ..errors.catalogue import CATALOGUE
from ..request_context import current_environ, error_pages_of

NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
JSON_HEADERS = (("Content-Type", "application/json"), *NO_STORE)
REALM = "Grantwright"
MAX_DESCRIPTION_CHARACTERS = 1000
_UNPRINTABLE = re.compile(r"[^ -~]")


class ServerError(OAuth2Error):
    """An internal error that the client didn't cause (:rfc:`6749#section-4.1.2.1`)."""

    error = "server_error"
    description = "Unexpected server error. Look for the request ID in the server's log."
    status_code = 500


class UnmetAuthenticationRequirementsError(OAuth2Error):
    """The login doesn't meet the client's authentication requirements.

    https://openid.net/specs/openid-connect-unmet-authentication-requirements-1_0.html
    """

    error = "unmet_authentication_requirements"
    description = "This server supports none of the requested acr values."


class InvalidTargetError(OAuth2Error):
    """A requested API is malformed, unknown, or not for this client or grant (:rfc:`8707#section-2`)."""

    error = "invalid_target"


class TemporarilyUnavailableError(OAuth2Error):
    """The server is overloaded; the same request may succeed later (:rfc:`6749#section-4.1.2.1`)."""

    error = "temporarily_unavailable"
    description = "The server is busy. Try again in a moment."
    status_code = 503


class TooManyRequestsError(OAuth2Error):
    """Too many requests (:rfc:`6585#section-4`); retrying may succeed after ``wait_seconds``."""

    error = "temporarily_unavailable"
    description = "Too many requests. Wait for the number of seconds in Retry-After."
    status_code = 429

    def __init__(self, wait_seconds: int) -> None:
        super().__init__()
        self.wait_seconds = wait_seconds


class UnregisteredRedirectURIError(InvalidRequestError):
    """The redirect URI isn't one of the client's (:rfc:`6749#section-3.1.2.4`): only the person is told."""

    description = "The redirect_uri is not one that the client registered."

    def __init__(self, client: Client, sent_uri: str) -> None:
        super().__init__()
        #: For the page. Never in a response of the protocol.
        self.client, self.sent_uri = client, sent_uri


class ClientAuthenticationError(InvalidClientError):
    """Client authentication failed (:rfc:`6749#section-5.2`). Doesn't say why."""

    status_code = 401
    description = "Client authentication failed."
    #: The row id of the client that the request named, if there is such a client. Never in the response.
    client: str | None = None


class RegistrationTokenError(OAuth2Error):
    """The initial or registration access token is missing or invalid (:rfc:`7591#section-3`)."""

    error = "invalid_token"
    status_code = 401


class Form(NamedTuple):
    """A form that the browser posts to a client: URL and fields."""

    action: str
    fields: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Response:
    """A response of the protocol, for pages and protocol endpoints. Don't change it; use ``dataclasses.replace``."""

    # Not frozen, which would triple the time that every request takes to create one.

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    #: Instead of a body, for a page that posts it.
    form: Form | None = None

    @property
    def location(self) -> str | None:
        return next((value for name, value in self.headers if name == "Location"), None)


def json_response(status: int, content: object, *headers: tuple[str, str]) -> Response:
    """Return an uncacheable JSON response (:rfc:`6749#section-5.1`)."""
    return Response(status, (*JSON_HEADERS, *headers) if headers else JSON_HEADERS, write_json(content))


def printable_description(text: str) -> str:
    """Return a description that may contain a client's input: ASCII without quotes (:rfc:`6749#section-5.2`)."""
    return _UNPRINTABLE.sub("?", text.replace('"', "'").replace("\\", "/"))[:MAX_DESCRIPTION_CHARACTERS]


def error_uri(code: str) -> str | None:
    """Return the URL of the page about an error code, or ``None`` if there is none (:rfc:`6749#section-5.2`).

    There is none outside of a request, which determines the issuer.
    """
    environ = current_environ.get(None)
    pages = error_pages_of(environ) if environ is not None and code in CATALOGUE else None
    return pages and f"{pages}/{code}"


def error_members(code: str, description: str | None, uri: str | None = None) -> dict[str, str]:
    """Return the members of an error for JSON, a redirect or a challenge."""
    members = {"error": code, "error_description": description, "error_uri": uri or error_uri(code)}
    return {name: value for name, value in members.items() if value}


def json_error(status: int, code: str, description: str, *headers: tuple[str, str]) -> Response:
    """Return an error with our own code and text as JSON."""
    return json_response(status, error_members(code, description), *headers)


def error_response(error: OAuth2Error) -> Response:
    """Return an error as JSON (:rfc:`6749#section-5.2`), with a challenge for 401."""
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
