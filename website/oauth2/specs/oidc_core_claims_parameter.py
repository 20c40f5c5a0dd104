"""The claims parameter (OpenID Connect Core 1.0, section 5.5): individually requested claims, and where to return them.

https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter

A client can't get more this way than with scopes: only claims of its registered scopes, and only with the user's
consent. Requested values are binding for ``sub``, the expected user, and for ``acr`` if it is essential. Other
requested values and unknown claims are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError

from ... import scopes
from ...clients import Client
from ...settings import Settings
from ...strict_json import MalformedJSONError, read_object
from ...users.requested_claims import RequestedClaims
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_authentication_request",)

USERINFO, ID_TOKEN = "userinfo", "id_token"
ClaimRequests = dict[str, Mapping[str, Any]]


def register(server: AuthorizationServer, settings: Settings) -> None:
    def read(request: OAuth2Request) -> None:
        """Read the requested claims. Raises ``InvalidRequestError``."""
        text = request.payload.data.get("claims")
        if text is None or scopes.OPENID not in scopes.split(request.scope):
            return
        places = _parse(text)
        about_login = places[ID_TOKEN]
        subject = _read_subject(places, request.asked.subject)
        request.asked = replace(request.asked, subject=subject, acrs=_read_acrs(about_login.get("acr", {})))
        client: Client = request.client
        supported = server.accounts.claims.supported(scope for scope in client.scope if scope in server.registry.scopes)
        claims = {place: tuple(name for name in supported if name in requests) for place, requests in places.items()}
        request.claims = RequestedClaims(**claims)

    server.registry.add_authorization_request_extension(read)
    server.registry.add_authorization_parameters("claims")
    server.registry.add_metadata(claims_parameter_supported=True)


def _parse(text: str) -> dict[str, ClaimRequests]:
    """Return the requests by place and name. Unknown members are ignored, as the standard requires."""
    try:
        members = read_object(text)
    except MalformedJSONError as error:
        raise InvalidRequestError(f"'claims': {error}") from None
    return {place: _parse_place(members.get(place)) for place in (USERINFO, ID_TOKEN)}


def _parse_place(place: Any) -> ClaimRequests:
    if place is None:
        return {}
    if not isinstance(place, dict):
        raise InvalidRequestError("'claims': 'userinfo' and 'id_token' must be objects.")
    return {name: _parse_request(request) for name, request in place.items()}


def _parse_request(request: Any) -> Mapping[str, Any]:
    if request is None:
        return {}
    if (
        not isinstance(request, dict)
        or not isinstance(request.get("essential", False), bool)
        or not isinstance(request.get("values", []), list)
    ):
        raise InvalidRequestError("'claims': each claim must be null or an object (Core 1.0, section 5.5.1).")
    return request


def _read_subject(places: Mapping[str, ClaimRequests], hinted: str | None) -> str | None:
    """Return the expected user from a hint or from the value of ``sub`` (section 5.5.1)."""
    subjects = [place["sub"]["value"] for place in places.values() if "value" in place.get("sub", {})]
    expected = [*subjects, hinted] if hinted is not None else subjects
    if any(subject != expected[0] or not isinstance(subject, str) for subject in expected):
        raise InvalidRequestError("The request names two different users, or its sub isn't a string.")
    return expected[0] if expected else None


def _read_acrs(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the authentication context classes of which one is essential (section 5.5.1.1)."""
    if not request.get("essential", False):
        return ()
    values = [*request.get("values", ()), *([request["value"]] if "value" in request else ())]
    if not all(isinstance(value, str) for value in values):
        raise InvalidRequestError("'claims': the values of 'acr' must be strings.")
    return tuple(values)
