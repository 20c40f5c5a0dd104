"""Stored APIs and what clients may do there, read for the caches of a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import selectinload

from .. import scopes
from ..database import Database, Statement
from ..database.tables import table_of
from ..models.resource import OAuth2Resource, OAuth2ResourceClient
from .resource import Resource, from_row
from .resource_identifiers import matching_key

_resource, _permission = table_of(OAuth2Resource), table_of(OAuth2ResourceClient)
READ_PERMISSIONS_OF_CLIENT = Statement(
    select(_resource.c.id, _resource.c.identifier, _permission.c.scope, _permission.c.may_introspect)
    .select_from(_permission.join(_resource))
    .where(_permission.c.client == bindparam("client_"))
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All APIs at one point in time."""

    by_id: Mapping[str, Resource]
    by_identifier: Mapping[str, Resource]
    by_key: Mapping[str, Resource]
    by_scope: Mapping[str, tuple[Resource, ...]]


@dataclass(frozen=True, slots=True)
class Permissions:
    """What an operator allows one client at the APIs."""

    #: The scopes that it may request for itself, by the API's row id.
    scopes: Mapping[str, tuple[str, ...]]
    #: The identifiers of the APIs whose tokens it may introspect.
    introspected: frozenset[str]
    #: Whether its owner, if it has one, is an operator of this server.
    is_operators: bool


def read_catalogue(database: Database, issuer: str) -> Catalogue:
    """Read all APIs, by name. One that has become the issuer itself is left out."""
    query = select(OAuth2Resource).options(selectinload(OAuth2Resource.scopes))
    with database.reading() as session:
        rows = session.scalars(query.order_by(OAuth2Resource.name, OAuth2Resource.id)).all()
    own_key = matching_key(issuer) if issuer else None
    resources = {row.matching_key: from_row(row) for row in rows if row.matching_key != own_key}
    by_scope: dict[str, tuple[Resource, ...]] = {}
    for resource in resources.values():
        for name in resource.scopes:
            by_scope[name] = (*by_scope.get(name, ()), resource)
    return Catalogue(
        by_id={resource.id: resource for resource in resources.values() if resource.id is not None},
        by_identifier={resource.identifier: resource for resource in resources.values()},
        by_key=resources,
        by_scope=by_scope,
    )


def read_permissions(database: Database, client: str, *, is_operators: bool) -> Permissions:
    """Read what a client, given by its row id, may do at the APIs."""
    rows = database.all(READ_PERMISSIONS_OF_CLIENT, client_=client)
    return Permissions(
        scopes={row_id: scopes.split(scope) for row_id, _identifier, scope, _introspects in rows if scope is not None},
        introspected=frozenset(identifier for _row_id, identifier, _scope, introspects in rows if introspects),
        is_operators=is_operators,
    )
