"""The APIs that a client may request tokens for, as its page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from ...clients import Client
from ...resources import Resource, Resources

#: Grant types for which an operator decides, and those without a page on which a person does.
BY_OPERATOR = frozenset(("client_credentials", "password"))
WITHOUT_CONSENT = BY_OPERATOR | {"refresh_token"}


@dataclass(frozen=True, slots=True)
class ClientAPIs:
    """What a client may do at which API."""

    #: Whether people can allow it something, and what they can allow it if that isn't everything.
    asks_people: bool
    with_consent: list[tuple[Resource, list[str]]] | None
    #: Whether it may request tokens for itself at all, and for which scopes of which API.
    asks_for_itself: bool
    own_scopes: list[tuple[Resource, tuple[str, ...]]]
    introspects: list[Resource]


def apis_of(client: Client, resources: Resources) -> ClientAPIs | None:
    """Return what a client may do at the registered APIs; ``None`` if there are none."""
    registered = resources.list_all()
    if not registered:
        return None
    consentable = [(resource, resources.consentable_scope(client, resource)) for resource in registered]
    allowed = [(resource, resources.allowed_scope(client, resource)) for resource in registered]
    introspected = resources.introspected_by(client)
    return ClientAPIs(
        asks_people=not WITHOUT_CONSENT.issuperset(client.grant_types),
        with_consent=[
            (resource, [name for name in resource.scopes if name in names])
            for resource, names in consentable
            if names is not None
        ]
        if not resources.is_by_operator(client)
        else None,
        asks_for_itself=not BY_OPERATOR.isdisjoint(client.grant_types),
        own_scopes=[(resource, names) for resource, names in allowed if names is not None],
        introspects=[resource for resource in registered if resource.identifier in introspected],
    )


def allowed_api(client: Client, resources: Resources) -> str:
    """Return the identifier of the first API that a client may request tokens for itself for; empty without one."""
    registered = resources.list_all()
    return next((api.identifier for api in registered if resources.allowed_scope(client, api) is not None), "")
