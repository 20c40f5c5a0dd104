"""Resource indicators (:rfc:`8707`): tokens for the APIs that a client names, and for nothing else.

https://www.rfc-editor.org/rfc/rfc8707

``resource`` may be repeated, at the authorization and at the token endpoint. What people grant is stored as pairs of an
API and a scope there. At the token endpoint ``resource`` narrows the access token, never the grant; without it, the
token is for all granted APIs. A code or refresh token without APIs gives tokens for this server itself.
"""

from __future__ import annotations

from ...resources import Resource
from ...settings import Settings
from ..errors import InvalidTargetError
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

MAX_RESOURCES = 10


class ResourceIndicators:
    """Reads the APIs that requests to one server are for."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._resources = server.resources

    def __call__(self, request: OAuth2Request) -> None:
        """Set ``request.resources``. Raises :class:`InvalidTargetError` for a malformed or unknown one (section 2)."""
        identifiers = request.payload.values_of("resource")
        if len(identifiers) > MAX_RESOURCES:
            raise InvalidTargetError(f"A request can name at most {MAX_RESOURCES} resources.")
        if len(identifiers) == 1:
            request.resources = (self._find(identifiers[0]),)
        elif identifiers:  # two spellings of one API count once
            request.resources = tuple({one.key: one for one in map(self._find, identifiers)}.values())

    def _find(self, identifier: str) -> Resource:
        resource = self._resources.find(identifier)
        if resource is None:
            raise InvalidTargetError(
                "Unknown resource: it must be the URL of an API that is registered here, without a fragment."
            )
        return resource


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_resource_reader(ResourceIndicators(server))
    server.registry.add_authorization_parameters("resource")
