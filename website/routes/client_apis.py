"""The APIs that a client may request tokens for, as its page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from ..clients import Client
from ..resources import Resource, Resources

CLIENT_CREDENTIALS = "client_credentials"
#: Grant types without a person who decides.
WITHOUT_CONSENT = frozenset((CLIENT_CREDENTIALS, "refresh_token"))


@dataclass(frozen=True, slots=True)
class ClientAPIs:
    """What a client may do at which API."""

    #: Whether people can allow it something, and the open APIs with their open scopes if it isn't everything.
    asks_people: bool
    open_scopes: list[tuple[Resource, list[str]]] | None
    #: Whether it may request tokens for itself at all, and for which scopes of which API.
    asks_for_itself: bool
    own_scopes: list[tuple[Resource, tuple[str, ...]]]
    introspects: list[Resource]


def apis_of(client: Client, resources: Resources) -> ClientAPIs | None:
    """Return what a client may do at the registered APIs; ``None`` if there are none."""
    registered = resources.list_all()
    if not registered:
        return None
    opened = [(resource, resource.open_scopes) for resource in registered if resource.is_open]
    allowed = [(resource, resources.allowed_scope(client, resource)) for resource in registered]
    introspected = resources.introspected_by(client)
    return ClientAPIs(
        asks_people=not WITHOUT_CONSENT.issuperset(client.grant_types),
        open_scopes=opened if client.is_self_registered else None,
        asks_for_itself=client.check_grant_type(CLIENT_CREDENTIALS),
        own_scopes=[(resource, names) for resource, names in allowed if names is not None],
        introspects=[resource for resource in registered if resource.identifier in introspected],
    )
