"""Parsing WSGI requests into requests of the protocol, and rejecting malformed ones.

Everything below the protocol is checked here, for pages and protocol endpoints: encodings, control characters, repeated
parameters, and bodies of the wrong type or size.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any, NoReturn

from authlib.oauth2.rfc6749 import InvalidRequestError
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from ..request_context import Environ
from ..resources import Resource
from ..sessions import AuthenticationContext, CurrentLoginSession
from ..sessions.assurance import stated_class
from ..settings import Settings
from ..strict_json import MalformedJSONError, read_object
from ..users.requested_claims import NO_CLAIMS, RequestedClaims
from .authentication_request import NOTHING_ASKED, AuthenticationRequest
from .form_encoding import REPEATABLE, Pairs, parse_pairs
from .granted_resources import GrantedResource
from .request_bodies import content_length, read_body

MAX_PARAMETER_CHARACTERS, MAX_NAME_CHARACTERS = 8192, 256
MAX_QUERY_CHARACTERS = 16 * 1024
FORM_URLENCODED, FORM_MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
JSON = "application/json"
WITH_BODY = ("POST", "PUT")
#: For registrations, which are a few kilobytes including keys, and with open registration are stored for a day.
MAX_DOCUMENT_BYTES = 16 * 1024


class Payload:
    """The parameters of a request: single values in ``data``, all values in ``datalist``."""

    def __init__(self, pairs: Pairs) -> None:
        first_values: dict[str, str] = {}
        for name, value in pairs:
            if len(value) > MAX_PARAMETER_CHARACTERS or len(name) > MAX_NAME_CHARACTERS:
                raise InvalidRequestError("A parameter is too long.")
            if not (value.isprintable() and name.isprintable()):
                _check_characters(value + name)
            if first_values.get(name) and name in REPEATABLE:
                continue
            if name in first_values and name not in REPEATABLE:
                raise InvalidRequestError("A parameter is given more than once.")
            first_values[name] = value
        self._pairs = pairs
        if "" in first_values.values():
            first_values = {name: value for name, value in first_values.items() if value}
        #: A parameter without a value is treated as if it were omitted (:rfc:`6749#section-3.1`).
        self.data = first_values

    @property
    def client_id(self) -> str | None:
        return self.data.get("client_id")

    @property
    def grant_type(self) -> str | None:
        return self.data.get("grant_type")

    @cached_property
    def response_type(self) -> str:
        """Return the values in alphabetical order, as their order has no meaning (:rfc:`6749#section-3.1.1`)."""
        return " ".join(sorted(self.data.get("response_type", "").split()))

    @property
    def redirect_uri(self) -> str | None:
        return self.data.get("redirect_uri")

    @property
    def scope(self) -> str | None:
        return self.data.get("scope")

    @property
    def state(self) -> str | None:
        return self.data.get("state")

    def values_of(self, name: str) -> list[str]:
        """Return all values of a repeatable parameter."""
        return [value for other, value in self._pairs if other == name and value] if name in self.data else []

    @property
    def datalist(self) -> dict[str, list[str]]:
        datalist: dict[str, list[str]] = {}
        for name, value in self._pairs:
            datalist.setdefault(name, []).append(value)
        return datalist

    @property
    def pairs(self) -> Pairs:
        return [(name, value) for name, values in self.datalist.items() for value in values]


NO_PARAMETERS = Payload([])


class OAuth2Request:
    """A request of the protocol, to a page or endpoint. Its URL is issuer + path, independent of the Host header."""

    #: The client, once known.
    client: Any = None
    #: The client's authentication method.
    auth_method: str | None = None
    #: Whether it counts against the limit of its client or grant, and not of its address alone.
    is_charged_to_holder = False
    #: The verified redirect URI of an authorization request.
    redirect_uri = ""
    #: The APIs that the tokens are for (:rfc:`8707`); none means this server itself.
    resources: tuple[Resource, ...] = ()
    #: The checked scope of an authorization request that may be granted: that of identity and server, and at the APIs.
    scope: str | None = None
    granted_resources: tuple[GrantedResource, ...] = ()
    #: Whether the client authenticated the parameters, rather than only sending them through the browser.
    is_from_client = False
    #: The subject of an ID token hint, for a request that was stored without the hint.
    expected_subject: str | None = None
    asked: AuthenticationRequest = NOTHING_ASKED
    #: Whether a device waits for the result, so that there is no redirect (:rfc:`8628`).
    is_for_device = False
    #: The login session that gave consent.
    login: CurrentLoginSession | None = None
    claims: RequestedClaims = NO_CLAIMS

    def __init__(
        self,
        environ: Environ,
        issuer: str,
        payload: Payload,
        path: str | None = None,
        document: Mapping[str, Any] | None = None,
    ) -> None:
        self.method: str = environ["REQUEST_METHOD"]
        self.environ = environ
        #: The Authorization header.
        self.authorization: str | None = environ.get("HTTP_AUTHORIZATION")
        self.issuer = issuer
        self.payload = payload
        self._path = path
        #: The JSON body, if any.
        self.document = document or {}

    @property
    def uri(self) -> str:
        """Its URL without the query."""
        return self.issuer + (self._path or self.environ.get("PATH_INFO", ""))

    def authentication_by(self, login: CurrentLoginSession) -> AuthenticationContext:
        """Return the authentication context of a login for this request's tokens."""
        return AuthenticationContext(
            session=login.session,
            nonce=self.payload.data.get("nonce"),
            auth_time=login.auth_time,
            acr=stated_class(login.acr, self.asked.wanted_classes, self.client.required_acr),
            amr=login.amr,
            claims=self.claims,
        )

    def replace_payload(self, pairs: Pairs) -> None:
        """Replace all parameters with these, which the client authenticated."""
        self.payload, self.is_from_client = Payload(pairs), True


def _check_characters(text: str) -> None:
    """Raise ``InvalidRequestError`` for control characters and lone surrogates."""
    for character in text:
        if character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff":
            raise InvalidRequestError("A parameter contains a control character.")


def read_request(
    environ: Environ, issuer: str, settings: Settings, takes_json: bool = False, allow_multipart: bool = False
) -> OAuth2Request:
    """Read a protocol endpoint's request, whose parameters must be in the body.

    Raises ``InvalidRequestError`` (:rfc:`6749#section-3.2`), as credentials in a query could end up in logs.
    """
    if environ["REQUEST_METHOD"] not in WITH_BODY:
        return OAuth2Request(environ, issuer, NO_PARAMETERS)
    if environ.get("QUERY_STRING"):
        raise InvalidRequestError("Send the parameters in the body, not in the query.")
    if takes_json:
        document = read_json(environ, min(settings.max_body_bytes, MAX_DOCUMENT_BYTES))
        return OAuth2Request(environ, issuer, NO_PARAMETERS, document=document)
    pairs = read_form(environ, settings.max_body_bytes, settings.max_form_fields, allow_multipart)
    return OAuth2Request(environ, issuer, Payload(pairs))


def read_query(environ: Environ) -> Pairs:
    """Return the parameters of the query component. Raises ``InvalidRequestError``."""
    query = environ.get("QUERY_STRING", "")
    if len(query) > MAX_QUERY_CHARACTERS:
        raise InvalidRequestError("The request is too long.")
    return parse_pairs(query.encode("latin-1"))


def read_form(environ: Environ, max_bytes: int, max_fields: int, allow_multipart: bool = False) -> Pairs:
    """Return the fields of a form body.

    Raises ``InvalidRequestError`` for another content type, ``RequestEntityTooLarge`` above the limits.
    """
    content_type = _media_type(environ.get("CONTENT_TYPE", ""))
    if content_type == FORM_URLENCODED:
        pairs = parse_pairs(read_body(environ, max_bytes))
    elif content_type == FORM_MULTIPART and allow_multipart:
        pairs = _read_multipart(environ, max_bytes, max_fields)
    elif content_length(environ) or "HTTP_TRANSFER_ENCODING" in environ:
        raise InvalidRequestError("Send the parameters as application/x-www-form-urlencoded.")
    else:
        pairs = []
    if len(pairs) > max_fields:
        raise RequestEntityTooLarge
    return pairs


def read_json(environ: Environ, max_bytes: int) -> dict[str, Any]:
    """Return the JSON object in a body.

    Raises ``InvalidRequestError`` for any other body, ``RequestEntityTooLarge`` above the limit.
    """
    if _media_type(environ.get("CONTENT_TYPE", "")) != JSON:
        raise InvalidRequestError("Send a JSON object as application/json.")
    try:
        return read_object(read_body(environ, max_bytes))
    except MalformedJSONError as error:
        raise InvalidRequestError(str(error)) from None


@lru_cache(maxsize=64)
def _media_type(content_type: str) -> str:
    """Return the media type in a Content-Type header, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def _read_multipart(environ: Environ, max_bytes: int, max_fields: int) -> Pairs:
    """Read a multipart body, as sent by ``curl -F``. Rejects files."""
    read_body(environ, max_bytes)
    parser = FormDataParser(
        stream_factory=_refuse_file,
        max_form_memory_size=max_bytes,
        max_content_length=max_bytes,
        max_form_parts=max_fields,
        silent=False,
    )
    try:
        _stream, form, _files = parser.parse_from_environ(environ)
    except ValueError:
        raise InvalidRequestError("The multipart body is malformed.") from None
    pairs = list(form.items(multi=True))
    # The parser returns None as the name of a part without one.
    if any(not isinstance(name, str) for name, _value in pairs):
        raise InvalidRequestError("The multipart body is malformed.")
    return pairs


def _refuse_file(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> NoReturn:
    """Reject the first file part before any of it is stored."""
    raise InvalidRequestError("Send parameters, not files.")
