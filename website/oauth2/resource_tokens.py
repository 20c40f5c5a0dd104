"""Access tokens for APIs: what is left of them now, and what each API may see of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .. import scopes
from ..clients import Client
from ..grants import AccessToken
from ..grants.token_states import ActiveToken
from ..resources import Resources
from .granted_resources import GrantedResource, audience_of, still_granted


class ResourceTokens:
    """Tells what the access tokens of one server allow at APIs."""

    def __init__(
        self, resources: Resources, is_own_issuer: Callable[[str], bool], is_current_issuer: Callable[[str], bool]
    ) -> None:
        self._resources = resources
        self._is_own_issuer = is_own_issuer
        self._is_current_issuer = is_current_issuer

    def is_for_server(self, state: ActiveToken) -> bool:
        """Tell whether a token is for this server itself (:rfc:`9068#section-4`).

        In the demo, any URL on this computer may be that of this server or of an API: a token's grant knows, and a
        client's own token is only for the issuer of the current request.
        """
        is_own = self._is_current_issuer if state.token.grant is None else self._is_own_issuer
        return not state.resources and any(map(is_own, state.token.audience))

    def limit(self, state: ActiveToken) -> ActiveToken | None:
        """Return an active token for APIs with what it still allows there; ``None`` once none of the APIs is left."""
        granted = self._granted_by(state)
        return state._replace(token=_part_of(state, granted)) if granted else None

    def visible_to(self, caller: Client, state: ActiveToken) -> AccessToken | None:
        """Return what a client may see of a token by introspection; ``None`` if nothing.

        An API sees the scope of the user's identity and its own, and not what the token allows at other APIs.
        """
        token = state.token
        if caller.id == state.client.id or caller.client_id in token.audience:
            return token
        is_for_server = self.is_for_server(state)
        granted = () if is_for_server else self._granted_by(state)
        if is_for_server or (granted and all(resource.id is None for resource, _scope in granted)):
            return token if caller.may_introspect else None
        introspected = self._resources.introspected_by(caller)
        own = tuple(one for one in granted if one.resource.identifier in introspected)
        return _part_of(state, own) if own else None

    def _granted_by(self, state: ActiveToken) -> tuple[GrantedResource, ...]:
        token = state.token
        if token.grant is None:
            return tuple(self._allowed_by_operator(token, state.client))
        granted = still_granted(self._resources, state.client, state.resources)
        return tuple(one for one in granted if one.resource.identifier in token.audience)

    def _allowed_by_operator(self, token: AccessToken, client: Client) -> Iterable[GrantedResource]:
        """Yield the APIs of a client's own token; one that was registered later only has the same identifier."""
        for identifier in token.audience:
            resource = self._resources.find(identifier)
            if resource is None or resource.identifier != identifier or resource.created_at > token.issued_at:
                continue
            allowed = self._resources.allowed_scope(client, resource)
            if allowed is not None:
                yield GrantedResource(resource, scopes.within(token.scope, allowed))


def _part_of(state: ActiveToken, granted: Iterable[GrantedResource]) -> AccessToken:
    """Return the part of a token that is for these APIs."""
    granted = tuple(granted)
    own_scope = scopes.within(state.own_scope, state.client.scope) if state.token.grant is not None else ""
    values = scopes.join((own_scope, *(scope for _resource, scope in granted)))
    usable = scopes.within(state.token.scope, values.split())
    return state.token._replace(audience=audience_of(granted), scope=usable)
