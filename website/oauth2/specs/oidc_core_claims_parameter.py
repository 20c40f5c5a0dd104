"""The claims parameter (OpenID Connect Core 1.0, section 5.5): claims asked for one by one, and where to hear them.

https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter

A client gets no more in this way than by scopes: only claims that a scope gives which it registered, and only those
that the person was asked about. Three may be asked with a value that has to hold: ``sub``, whom the client expects,
and, where it is essential, ``acr``. Other wishes about values are passed over, and what is not known is left out.
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

USERINFO, ID_TOKEN = "userinfo", "id_token"
ClaimRequests = dict[str, Mapping[str, Any]]


def register(server: AuthorizationServer, settings: Settings) -> None:
    def read(request: OAuth2Request) -> None:
        """Read which claims are asked for. Raises ``InvalidRequestError``."""
        text = request.payload.data.get("claims")
        if text is None or scopes.OPENID not in scopes.split(request.scope):
            return
        asked = _parse(text)
        about_login = asked[ID_TOKEN]
        subject = _read_subject(asked, request.asked.subject)
        request.asked = replace(request.asked, subject=subject, acrs=_read_acrs(about_login.get("acr", {})))
        client: Client = request.client
        known = server.user_claims.supported(scope for scope in client.scope if scope in server.scopes)
        wanted = {place: tuple(name for name in known if name in named) for place, named in asked.items()}
        request.claims = RequestedClaims(**wanted)

    if scopes.OPENID not in server.scopes:
        return
    server.authorization_request_extensions.append(read)
    server.authorization_parameters.add("claims")
    server.add_metadata(claims_parameter_supported=True)


def _parse(text: str) -> dict[str, ClaimRequests]:
    """Return the requests by place and name. Members that are not known are passed over, as the standard has it."""
    try:
        members = read_object(text)
    except MalformedJSONError as error:
        raise InvalidRequestError(f"'claims': {error}") from None
    return {place: _parse_place(members.get(place)) for place in (USERINFO, ID_TOKEN)}


def _parse_place(named: Any) -> ClaimRequests:
    if named is None:
        return {}
    if not isinstance(named, dict):
        raise InvalidRequestError("'claims': 'userinfo' and 'id_token' are objects.")
    return {name: _parse_request(request) for name, request in named.items()}


def _parse_request(request: Any) -> Mapping[str, Any]:
    if request is None:
        return {}
    if (
        not isinstance(request, dict)
        or not isinstance(request.get("essential", False), bool)
        or not isinstance(request.get("values", []), list)
    ):
        raise InvalidRequestError("'claims': what is asked of a claim is null or an object of Core 1.0, section 5.5.1.")
    return request


def _read_subject(asked: Mapping[str, ClaimRequests], hinted: str | None) -> str | None:
    """Return whom the client expects, by a hint or by the value of ``sub`` (section 5.5.1)."""
    named = [place["sub"]["value"] for place in asked.values() if "value" in place.get("sub", {})]
    expected = [*named, hinted] if hinted is not None else named
    if any(subject != expected[0] or not isinstance(subject, str) for subject in expected):
        raise InvalidRequestError("The request expects two users, or none that there can be.")
    return expected[0] if expected else None


def _read_acrs(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the classes of proof of which one has to hold: only where that is essential (section 5.5.1.1)."""
    if not request.get("essential", False):
        return ()
    values = [*request.get("values", ()), *([request["value"]] if "value" in request else ())]
    if not all(isinstance(value, str) for value in values):
        raise InvalidRequestError("'claims': the values of 'acr' are strings.")
    return tuple(values)
