"""The scope that a request may get: of the user's identity and this server, and at the APIs that it names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from authlib.oauth2.rfc6749 import InvalidScopeError

from .. import scopes
from ..clients import Client
from ..resources import Resource
from .errors import InvalidTargetError
from .granted_resources import GrantedResource
from .requests import OAuth2Request
from .server import AuthorizationServer

#: Returns the scopes of an API that a client may get, ``None`` if it gets no token for it.
FindScopes = Callable[[Client, Resource], Collection[str] | None]
#: An error doesn't list more APIs than this.
MAX_NAMED_RESOURCES = 3
NOT_ALLOWED = "This client isn't allowed to request tokens for this resource. Ask the operator of this server."


class RequestedScope(NamedTuple):
    """What a request may get: the scope of identity and server, and the scopes at APIs."""

    scope: str
    resources: tuple[GrantedResource, ...] = ()


def requested_scope(
    server: AuthorizationServer, request: OAuth2Request, find_scopes: FindScopes, *, has_user: bool = True
) -> RequestedScope:
    """Return what a request may get. Raises ``InvalidScopeError`` or :class:`InvalidTargetError`.

    ``find_scopes`` tells what the client may get at an API: with a person's consent, or for itself.
    """
    if not request.resources:
        return RequestedScope(allowed_scope(server, request.client, request.payload.scope))
    usual = None if has_user else _scope_at_one_resource(request, find_scopes)
    return usual or _ScopeAtResources(server, request, find_scopes, has_user).divide()


def _scope_at_one_resource(request: OAuth2Request, find_scopes: FindScopes) -> RequestedScope | None:
    """Return the scope of a client for itself, if it names one API and may get all it asks for: most requests do."""
    allowed = find_scopes(request.client, request.resources[0]) if len(request.resources) == 1 else None
    values = scopes.split(request.payload.scope)
    if not values or allowed is None or [value for value in values if value not in allowed]:
        return None
    return RequestedScope("", (GrantedResource(request.resources[0], scopes.join(values)),))


def allowed_scope(server: AuthorizationServer, client: Client, requested: str | None) -> str:
    """Return the scope to grant to a client at this server itself. Raises ``InvalidScopeError``."""
    try:
        scope = scopes.allowed(requested, client.scope, server.registry.scopes)
    except scopes.ScopeNotAllowedError as error:
        _refuse_scopes_of_others(server, scopes.split(requested), ())
        raise InvalidScopeError(str(error)) from None
    if requested is not None and scope != requested:  # with openid, unknown values are left out
        _refuse_scopes_of_others(server, scopes.split(requested), ())
    return scope


def _refuse_scopes_of_others(
    server: AuthorizationServer, values: Iterable[str], requested: Collection[Resource]
) -> None:
    """Raise ``InvalidScopeError`` for a scope of an API that isn't requested; the error names the API."""
    if server.registry.resource_reader is None:
        return
    for value in values:
        if value in server.registry.scopes or any(value in resource.scopes for resource in requested):
            continue
        owners = server.resources.with_scope(value)
        if owners:
            names = " or ".join(owner.identifier for owner in owners[:MAX_NAMED_RESOURCES])
            raise InvalidScopeError(f"{value} is a scope of {names}. Send that URL as 'resource'.")


class _ScopeAtResources:
    """The scope of a request that names APIs, to be divided among the user's identity and these APIs.

    A token for any API may have the scopes about the user that the client registered.
    """

    def __init__(
        self, server: AuthorizationServer, request: OAuth2Request, find_scopes: FindScopes, has_user: bool
    ) -> None:
        self._server = server
        self._has_user = has_user
        self._own_values = [value for value in request.client.scope if self._is_about_user(value)]
        requested = scopes.split(request.payload.scope)
        self._requested = [value for value in requested if value != scopes.OFFLINE_ACCESS or value in self._own_values]
        self._resources = request.resources
        self._allowed = [_check_allowed(find_scopes(request.client, resource)) for resource in self._resources]

    def divide(self) -> RequestedScope:
        """Return the scope. Raises ``InvalidScopeError``; with openid, what the client can't get is left out."""
        values = self._requested or self._usual_values()
        _refuse_scopes_of_others(self._server, values, self._resources)
        if scopes.OPENID not in values or scopes.OPENID not in self._own_values:
            for value in values:
                self._check(value)
        granted = tuple(
            GrantedResource(
                resource, scopes.join(value for value in values if value in allowed and not self._is_about_user(value))
            )
            for resource, allowed in zip(self._resources, self._allowed, strict=True)
        )
        return RequestedScope(scopes.join(value for value in values if value in self._own_values), granted)

    def _usual_values(self) -> list[str]:
        """Return the scope of a request without one: everything at these APIs that the client can get."""
        values = dict.fromkeys(
            value
            for resource, allowed in zip(self._resources, self._allowed, strict=True)
            for value in resource.scopes
            if value in (self._own_values if self._is_about_user(value) else allowed)
        )
        return [value for value in values if value != scopes.OFFLINE_ACCESS]

    def _check(self, value: str) -> None:
        """Raise ``InvalidScopeError`` for a scope that the client can't get."""
        if self._is_about_user(value):
            if value not in self._own_values:
                raise InvalidScopeError(f"The client may not ask for {value}.")
            return
        is_known = False
        for resource, allowed in zip(self._resources, self._allowed, strict=True):
            if value in resource.scopes:
                is_known = True
                if value not in allowed:
                    raise InvalidScopeError(f"The client may not ask for {value} at {resource.identifier}.")
        if is_known:
            return
        if value in self._server.registry.scopes:
            raise InvalidScopeError(f"{value} is a scope of this server, not of the requested resource.")
        raise InvalidScopeError(scopes.reason_of_refusal(value, self._server.registry.scopes))

    def _is_about_user(self, value: str) -> bool:
        server = self._server
        return self._has_user and value in server.registry.scopes and server.accounts.claims.is_about_user(value)


def _check_allowed(allowed: Collection[str] | None) -> Collection[str]:
    if allowed is None:
        raise InvalidTargetError(NOT_ALLOWED)
    return allowed
