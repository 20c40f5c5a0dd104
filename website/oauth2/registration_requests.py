"""The shared parts of the two registration endpoints: tokens, metadata, errors and responses."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc7591 import InvalidClientMetadataError, InvalidRedirectURIError

from ..clients import Client
from ..clients.metadata import MetadataProblems
from ..clients.operator_decisions import USUAL, decisions_of
from ..clients.policy import Creator
from ..clients.registration import read_registration
from ..clients.subject_types import find_change_problems
from ..identifiers import hash_secret
from .errors import TooManyRequestsError, printable_description
from .rate_limits import OVER_LIMIT
from .requests import OAuth2Request
from .server import AuthorizationServer

REGISTRATION = "/oauth/register"
MANAGEMENT = f"{REGISTRATION}/<client_id>"


def read_bearer(authorization: str | None) -> str | None:
    """Return the bearer token in an Authorization header, or ``None``."""
    scheme, _space, text = (authorization or "").partition(" ")
    return text.strip() or None if scheme.lower() == "bearer" else None


def is_token_of(client: Client, text: str) -> bool:
    """Tell whether a registration access token belongs to this client."""
    token_hash = client.registration_token_hash
    return token_hash is not None and hmac.compare_digest(token_hash, hash_secret(text))


def charge_token(server: AuthorizationServer, request: OAuth2Request, limit: str, token: str) -> None:
    """Count a request against the limit of its valid token instead of its address.

    Raises :class:`TooManyRequestsError`.
    """
    server.charge(limit, hash_secret(token))
    server.rate_limits.spare_address(request.environ)


def check_address(request: OAuth2Request) -> None:
    """Raise :class:`TooManyRequestsError` for a request without a valid token if its address is over the limit."""
    wait = request.environ.get(OVER_LIMIT)
    if wait:
        raise TooManyRequestsError(wait)


def read_metadata(
    server: AuthorizationServer, request: OAuth2Request, client: Client | None = None
) -> Mapping[str, Any]:
    """Return the metadata in a request. Raises the error of :func:`_refusal_of` if there are problems.

    For an existing ``client`` it must be compatible with the operator's decisions; a first-party client can only be
    narrowed.
    """
    policy = replace(server.client_policy(Creator.STRANGER), changes=client)
    columns = USUAL if client is None else decisions_of(client)
    metadata, problems = read_registration(request.document, policy, columns)
    if client is not None and not problems:
        problems.add_all(find_change_problems(client, metadata))
        if problems:
            raise InvalidClientMetadataError(_write(problems))
    if problems:
        raise _refusal_of(problems)
    return metadata


def _refusal_of(problems: MetadataProblems) -> OAuth2Error:
    """Return an error that lists every invalid field (:rfc:`7591#section-3.2.2`)."""
    is_about_uris = list(problems.by_field) == ["redirect_uris"]
    return (InvalidRedirectURIError if is_about_uris else InvalidClientMetadataError)(_write(problems))


def _write(problems: MetadataProblems) -> str:
    return printable_description(" ".join(f"{name}: {problem}" for name, problem in problems.by_field.items()))


def describe_client(
    server: AuthorizationServer, request: OAuth2Request, client: Client, secret: str | None, token: str | None
) -> dict[str, Any]:
    """Return the response about a client's registration (:rfc:`7591#section-3.2.1`).

    With its secret only if it is new, as only the hash is stored, and with its registration access token if it has one.
    """
    document: dict[str, Any] = {
        "client_id": client.client_id, "client_id_issued_at": client.created_at, **client.metadata,
    }  # fmt: skip
    if secret is not None:
        document |= {"client_secret": secret, "client_secret_expires_at": 0}
    if token is not None and MANAGEMENT in (address.path for address in server.registry.addresses.values()):
        document |= {
            "registration_access_token": token,
            "registration_client_uri": f"{request.issuer}{REGISTRATION}/{client.client_id}",
        }
    return document
