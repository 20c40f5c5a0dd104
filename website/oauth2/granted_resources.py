"""The APIs that a token or grant is for, with the scope at each (:rfc:`8707`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError

from .. import scopes
from ..clients import Client
from ..grants.resource_scopes import ResourceScopes
from ..grants.tokens import SEALED
from ..resources import Resource, Resources
from .errors import InvalidTargetError


class GrantedResource(NamedTuple):
    """An API, and the scope granted there."""

    resource: Resource
    scope: str


def stored(granted: Iterable[GrantedResource]) -> ResourceScopes:
    """Return granted APIs as stored with codes, grants and consents."""
    return {resource.key: scope for resource, scope in granted}


def told(granted: Iterable[GrantedResource]) -> dict[str, Any]:
    """Return the part of an event's detail about granted APIs; nothing if there are none."""
    scopes_there = {resource.identifier: scope for resource, scope in granted}
    return {"resources": scopes_there} if scopes_there else {}


def still_granted(resources: Resources, client: Client, stored_scopes: ResourceScopes) -> tuple[GrantedResource, ...]:
    """Return what is left of stored APIs: they and their scopes may have been deleted or closed since the grant."""
    granted = []
    for key, scope in stored_scopes.items():
        resource = resources.with_key(key)
        allowed = None if resource is None else resources.consentable_scope(client, resource)
        if resource is not None and allowed is not None:
            granted.append(GrantedResource(resource, scopes.within(scope, allowed)))
    return tuple(granted)


def with_granted_scopes(
    resources: Resources, client: Client, chosen: Iterable[Resource], stored_scopes: ResourceScopes
) -> tuple[GrantedResource, ...]:
    """Return chosen APIs with what is left of the scope that was granted at each."""
    granted = []
    for resource in chosen:
        allowed = resources.consentable_scope(client, resource) or ()
        granted.append(GrantedResource(resource, scopes.within(stored_scopes.get(resource.key, ""), allowed)))
    return tuple(granted)


def choose_resources(
    stored_scopes: Collection[str], left: tuple[GrantedResource, ...], requested: tuple[Resource, ...]
) -> tuple[GrantedResource, ...] | OAuth2Error:
    """Return the APIs that an access token is for: the requested ones, or all that are left (:rfc:`8707#section-2.2`).

    ``stored_scopes`` has all APIs of the code or grant. Returns the error if none of them is left, as the token would
    then be for this server, or if one isn't granted.
    """
    if stored_scopes and not left:
        return InvalidGrantError("The resource that was granted no longer exists, or is closed to this client.")
    if not requested:
        return left
    if len(left) == len(requested) == 1 and left[0].resource is requested[0]:
        return left
    keys = {resource.key for resource in requested}
    chosen = tuple(one for one in left if one.resource.key in keys)
    return chosen if len(chosen) == len(keys) else InvalidTargetError("The user didn't grant access to this resource.")


def with_scope_within(granted: tuple[GrantedResource, ...], requested: Collection[str]) -> tuple[GrantedResource, ...]:
    """Return granted APIs with only the requested scope values at each; none means all."""
    if not requested:
        return granted
    return tuple(GrantedResource(resource, scopes.within(scope, requested)) for resource, scope in granted)


def audience_of(granted: Iterable[GrantedResource]) -> tuple[str, ...]:
    """Return the audience of a token for these APIs: their identifiers as registered, and nothing else."""
    return tuple(resource.identifier for resource, _scope in granted)


class TokenShape(NamedTuple):
    """What the APIs of an access token determine of it."""

    audience: tuple[str, ...]
    scope: str
    token_format: str
    lifetime_seconds: int


def shape_of_token(scope: str, granted: tuple[GrantedResource, ...], usual_seconds: int) -> TokenShape:
    """Return the shape of a token for these APIs, with the scope of identity and server.

    It lasts as long as the shortest of theirs, and at most as the server's.
    """
    if len(granted) == 1:
        resource, there = granted[0]
        both = f"{scope} {there}" if scope and there else scope or there
        seconds = min(usual_seconds, resource.access_token_seconds or usual_seconds)
        return TokenShape((resource.identifier,), both, resource.access_token_format, seconds)
    seconds = min(usual_seconds, *(one.resource.access_token_seconds or usual_seconds for one in granted))
    return TokenShape(audience_of(granted), _scope_for_all(scope, granted), _format_for_all(granted), seconds)


def _scope_for_all(scope: str, granted: tuple[GrantedResource, ...]) -> str:
    """Return the scope without what one of the APIs has but wasn't granted: it would mistake it for its own."""
    values = [
        value
        for one in granted
        for value in one.scope.split()
        if all(value in other.scope.split() or value not in other.resource.scopes for other in granted)
    ]
    return scopes.join(dict.fromkeys((*scope.split(), *values)))


def _format_for_all(granted: tuple[GrantedResource, ...]) -> str:
    """Return the APIs' format, or sealed if they don't all take the same JWTs: every API can introspect that."""
    formats = {
        (resource.access_token_format, resource.access_token_alg, resource.access_token_typ)
        for resource, _scope in granted
    }
    return granted[0].resource.access_token_format if len(formats) == 1 else SEALED
