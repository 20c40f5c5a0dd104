"""Request objects (:rfc:`9101`): the parameters of an authorization request, signed by the client.

https://www.rfc-editor.org/rfc/rfc9101

By value (``request``) or by reference (``request_uri``, a URL that the client registered). Always signed, as an
unsigned object would prove nothing; and optionally encrypted to a key of this server, to keep the request confidential.
With a request object, its parameters are the whole request, and those in the URL are ignored, so that nobody can add
any.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc9101.errors import InvalidRequestObjectError, InvalidRequestUriError
from authlib.oidc.core.errors import RequestNotSupportedError, RequestURINotSupportedError

from ... import clock
from ...clients import Client
from ...clients.client_jwks import KEY_FIELDS
from ...clients.field_checks import boolean, document_urls, one_of
from ...keys.jwe import CONTENT_ALGORITHMS, algorithms_of
from ...keys.jws import BY_SECRET, JWT, KEYS_OF_CLIENTS, read_header
from ...keys.jwt_times import find_time_problem
from ...logs import get_logger
from ...outbound_errors import OutboundBusyError, OutboundError
from ...request_context import request_origin
from ...settings import Settings
from ..errors import TemporarilyUnavailableError
from ..fetched_request_objects import RequestObjectDocuments
from ..form_encoding import Pairs
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES = ("rfc6749_authorization_endpoint",)

ALGORITHM_FIELD, URIS_FIELD, REQUIRED_FIELD = (
    "request_object_signing_alg",
    "request_uris",
    "require_signed_request_object",
)
ENCRYPTION_FIELD, CONTENT_FIELD = "request_object_encryption_alg", "request_object_encryption_enc"
ALGORITHMS = (*KEYS_OF_CLIENTS, *BY_SECRET)
#: The accepted ``typ`` headers; none at all is common too (:rfc:`8725#section-3.11`).
TYPES = ("oauth-authz-req+jwt", "application/oauth-authz-req+jwt", "jwt")
MAX_URIS = 20
#: An encrypted JWT has five parts, a signed one three (:rfc:`7516#section-9`).
PARTS_OF_JWE = 5
NOT_OFFERED = "The request object is unsigned, or its algorithm is not supported. See the server metadata."
#: Claims of the JWT itself, which aren't parameters; and parameters forbidden in an object (:rfc:`9101#section-4`).
CLAIMS_OF_JWT = frozenset(("iss", "aud", "exp", "nbf", "iat", "jti", "sub"))
REFERENCES = ("request", "request_uri")
log = get_logger("grantwright.request_objects")


def is_of_form_not_offered(text: str, encryption: Sequence[str]) -> bool:
    """Tell whether a request object is unsigned, or signed or encrypted with an unsupported algorithm.

    This only reads its header: a text that isn't a JWT is rejected as invalid elsewhere.
    """
    header = read_header(text)
    if header is None:
        return False
    if text.count(".") == PARTS_OF_JWE - 1:
        return header.get("alg") not in encryption or header.get("enc") not in CONTENT_ALGORITHMS
    return header.get("alg") not in ALGORITHMS


class RequestObjects:
    """Reads the request objects sent to one server."""

    def __init__(self, server: AuthorizationServer, settings: Settings) -> None:
        self._server = server
        self._documents = RequestObjectDocuments(server.outbound)
        self._is_required = settings.require_signed_request_object
        self._encryption = algorithms_of(settings.decryption_algorithms)

    def __call__(self, request: OAuth2Request) -> None:
        """Replace a request's parameters with those of its object. Raises ``OAuth2Error``."""
        client: Client = request.client
        fields = request.payload.data
        if "request" in fields and "request_uri" in fields:
            raise InvalidRequestError("Send 'request' or 'request_uri', not both.")
        if "request" in fields:
            text = fields["request"]
            if is_of_form_not_offered(text, self._encryption):
                raise RequestNotSupportedError(NOT_OFFERED)
        elif "request_uri" in fields:
            text = self._fetch(client, fields["request_uri"])
            if is_of_form_not_offered(text, self._encryption):
                raise RequestURINotSupportedError(NOT_OFFERED)
        elif (self._is_required or client.metadata.get(REQUIRED_FIELD)) and not request.is_from_client:
            raise InvalidRequestError("This client must send signed request objects (RFC 9101).")
        else:
            return
        request.replace_payload(self._read(client, text, request.issuer))

    def _fetch(self, client: Client, uri: str) -> str:
        """Fetch the object at a registered URL, compared without the fragment."""
        if not uri.startswith(("https://", "http://")):
            raise RequestURINotSupportedError("This form of request_uri is not supported: send an https URL.")
        registered = [value for value in client.metadata.get(URIS_FIELD, ()) if _bare(value) == _bare(uri)]
        if not registered:
            raise InvalidRequestUriError("The request_uri is not one that the client registered.")
        try:
            return self._documents.fetch(client.id, _bare(registered[0]))
        except OutboundBusyError:
            raise TemporarilyUnavailableError from None
        except (OutboundError, ValueError) as error:
            _log_refusal(client, f"it can't be fetched: {error}")
            raise InvalidRequestUriError("The request object cannot be fetched from the request_uri.") from None

    def _read(self, client: Client, text: str, issuer: str) -> Pairs:
        """Return the parameters of an object signed by the client (:rfc:`9101#section-6`)."""
        if text.count(".") == PARTS_OF_JWE - 1:
            text = self._server.keys.decrypt(text) or ""
        chosen = client.metadata.get(ALGORITHM_FIELD)
        algorithms = [name for name in ALGORITHMS if chosen in (None, name)]
        token = self._server.clients.keys.verify(client, text, algorithms)
        problem = "it isn't signed with one of the client's keys and its algorithm, or is encrypted to another key"
        if token is not None:
            problem = _find_problem(token, client, issuer)
        if token is None or problem:
            _log_refusal(client, problem)
            raise InvalidRequestObjectError(f"The request object is invalid: {problem}.")
        parameters = {"client_id": client.client_id, **token.claims}
        sent = ((name, value) for name, value in parameters.items() if name not in CLAIMS_OF_JWT and value is not None)
        return [pair for name, value in sent for pair in _as_parameters(name, value)]


def _find_problem(token: JWT, client: Client, issuer: str) -> str:
    claims = token.claims
    kind = token.header.get("typ", "jwt")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        return "it has the wrong typ"
    if not claims.keys().isdisjoint(REFERENCES):
        return "it refers to another request object"
    if claims.get("client_id", client.client_id) != client.client_id:
        return "its client_id differs from the request's"
    if claims.get("iss", client.client_id) != client.client_id:
        return "its iss is not the client"
    if claims.get("sub") == client.client_id:
        return "its sub is the client, as in client authentication (RFC 9101, section 10.8)"
    audience = claims.get("aud", issuer)
    if issuer not in (audience if isinstance(audience, list) else [audience]):
        return "it has the wrong audience"
    times = find_time_problem(claims, clock.now())
    return f"it {times}" if times else ""


def _as_parameters(name: str, value: Any) -> Pairs:
    """Convert a member to parameters: numbers and objects become JSON, and each item of a list its own parameter."""
    if isinstance(value, list):
        return [pair for item in value for pair in _as_parameters(name, item)]
    return [(name, value if isinstance(value, str) else json.dumps(value))]


def _bare(uri: str) -> str:
    return uri.partition("#")[0]


def _log_refusal(client: Client, reason: str) -> None:
    log.info("request object refused", reason=reason, client=client.client_id, request_id=request_origin()[1])


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_authorization_request_source(RequestObjects(server, settings))
    server.registry.add_authorization_parameters(*REFERENCES, kept=False)
    fields = {**KEY_FIELDS, ALGORITHM_FIELD: one_of(ALGORITHMS), URIS_FIELD: document_urls(MAX_URIS)}
    encryption = algorithms_of(settings.decryption_algorithms)
    if encryption:
        fields |= {ENCRYPTION_FIELD: one_of(encryption), CONTENT_FIELD: one_of(CONTENT_ALGORITHMS)}
        server.registry.add_metadata(
            request_object_encryption_alg_values_supported=encryption,
            request_object_encryption_enc_values_supported=list(CONTENT_ALGORITHMS),
        )
    for name, check in {**fields, REQUIRED_FIELD: boolean}.items():
        server.registry.add_client_field(name, check)
    server.registry.add_metadata(
        request_parameter_supported=True,
        request_uri_parameter_supported=True,
        require_request_uri_registration=True,
        request_object_signing_alg_values_supported=list(ALGORITHMS),
        require_signed_request_object=settings.require_signed_request_object,
    )
