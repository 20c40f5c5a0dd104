"""Creating, changing and deleting APIs, and what clients may do there, each in one transaction with its event."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .. import clock, scopes
from ..audit import Audit
from ..clients import Client
from ..database import Database
from ..database.cache_invalidation import RESOURCES, CacheInvalidation, record_change
from ..database.withdrawn_scopes import withdraw_scopes_at_resource
from ..identifiers import new_identifier
from ..models.client import OAuth2Client
from ..models.resource import OAuth2Resource, OAuth2ResourceClient, OAuth2ResourceScope
from ..translatable import N_
from .resource import InvalidResourceError, Resource, ResourceScope, from_row
from .resource_checks import AT_JWT, ServerFacts, check_resource
from .resource_identifiers import beginning_of, matching_key

MAX_RESOURCES = 500
NO_SUCH_CLIENT = N_("There is no client with this ID.")
#: The columns that hold a field as it is, and whose new values an event tells.
FIELDS = ("name", "access_token_format", "access_token_alg", "access_token_typ", "access_token_seconds", "is_open")


class ResourceChanges:
    """Changes to the APIs of one database. ``by`` is the subject of a person on a page, ``None`` for a command."""

    def __init__(self, database: Database, changes: CacheInvalidation, audit: Audit, facts: ServerFacts) -> None:
        self._database = database
        self._cache_invalidation = changes
        self._audit = audit
        self.facts = facts

    def create(
        self,
        identifier: str,
        name: str,
        scopes: Iterable[ResourceScope] = (),
        *,
        access_token_format: str = "",
        access_token_alg: str = "",
        access_token_typ: str = AT_JWT,
        access_token_seconds: int | None = None,
        is_open: bool | None = None,
        by: str | None = None,
    ) -> Resource:
        """Register an API and return it. Its identifier can't be changed later.

        By default its access tokens are JWTs, signed with RS256 if the server has a key for that, and last as long as
        the server's. ``is_open`` lets clients that registered themselves, or whose owner isn't an operator, ask
        people for the scopes that are open; by default only in the demo. Raises :class:`InvalidResourceError`.
        """
        resource = Resource(
            id=new_identifier(),
            identifier=identifier,
            name=name,
            scopes={scope.name: scope for scope in scopes},
            access_token_format=access_token_format or self.facts.usual_format,
            access_token_alg=access_token_alg or self.facts.usual_algorithm,
            access_token_typ=access_token_typ,
            access_token_seconds=access_token_seconds,
            is_open=self.facts.is_open if is_open is None else is_open,
            created_at=clock.now(),
        )
        check_resource(resource, self.facts)
        with self._database.writing() as session:
            record_change(session, RESOURCES)  # first: another API added now waits for this row
            _check_place(session, identifier)
            row = OAuth2Resource(id=resource.id, identifier=identifier, matching_key=matching_key(identifier))
            row.created_at = resource.created_at
            _put_fields(row, resource)
            session.add(row)
            self._add_event(session, "resource_created", row, by, _describe(None, resource))
        self._cache_invalidation.forget_recorded(session)
        return resource

    def update(self, row_id: str, *, by: str | None = None, **fields: Any) -> Resource:
        """Change fields of an API, except its identifier; ``scopes`` replace the former ones.

        A removed scope is also withdrawn from what people and operators allowed clients, and an added one too: if the
        API had it before, a node that was a second behind may have granted it. Raises :class:`InvalidResourceError`.
        """
        if "scopes" in fields:
            fields["scopes"] = {scope.name: scope for scope in fields["scopes"]}
        with self._database.writing() as session:
            row = _lock_row(session, row_id)
            before = from_row(row)
            resource = replace(before, **fields, identifier=before.identifier)
            check_resource(resource, self.facts)
            _put_fields(row, resource)
            _withdraw_scopes(session, row_id, before.scopes.keys() ^ resource.scopes.keys())
            record_change(session, RESOURCES)
            self._add_event(session, "resource_changed", row, by, _describe(before, resource))
        self._cache_invalidation.forget_recorded(session)
        return resource

    def delete(self, row_id: str, *, by: str | None = None) -> None:
        """Delete an API. Its tokens become inactive, also if another one with its identifier is created later."""
        with self._database.writing() as session:
            row = session.get(OAuth2Resource, row_id, with_for_update=True)
            if row is not None:  # otherwise another request has deleted and recorded it
                self._add_event(session, "resource_deleted", row, by)
                session.delete(row)
                record_change(session, RESOURCES)
        self._cache_invalidation.forget_recorded(session)

    def allow(self, client: Client, resource: Resource, scope: str, *, by: str | None = None) -> None:
        """Let a client request these scopes of an API for itself, with client_credentials, instead of former ones.

        If it registered itself, or its owner isn't an operator, it may also ask people for them.
        Raises :class:`InvalidResourceError` for a scope that the API doesn't have.
        """
        self._permit(client, resource, by, scope=scope)

    def disallow(self, client: Client, resource: Resource, *, by: str | None = None) -> None:
        """No longer let a client request tokens for an API for itself.

        What people allowed it stays. A client that registered itself, or whose owner isn't an operator, then only gets
        the scopes that are open to such clients.
        """
        self._permit(client, resource, by, scope=None)

    def set_may_introspect(self, client: Client, resource: Resource, allowed: bool, *, by: str | None = None) -> None:
        """Let a client introspect an API's tokens, or not. Raises :class:`InvalidResourceError` for a public client."""
        self._permit(client, resource, by, may_introspect=allowed)

    def permit(
        self, client: Client, resource: Resource, scope: str | None, *, may_introspect: bool, by: str | None = None
    ) -> None:
        """Say all that a client may do at an API, as the three methods above do."""
        self._permit(client, resource, by, scope=scope, may_introspect=may_introspect)

    def _permit(self, client: Client, resource: Resource, by: str | None, **columns: Any) -> None:
        """Change what a client may do at an API; nothing happens if it already may, or may not."""
        _check_permission(client, resource, columns)
        with self._database.writing() as session:
            record_change(session, RESOURCES)  # first: two changes of one permission come one after the other
            api = _lock_row(session, resource.id)
            if session.get(OAuth2Client, client.id) is None:
                raise InvalidResourceError({"client": NO_SUCH_CLIENT})
            row = session.get(OAuth2ResourceClient, (resource.id, client.id))
            if row is None:
                row = OAuth2ResourceClient(resource=resource.id, client=client.id, scope=None, may_introspect=False)
            if all(getattr(row, name) == value for name, value in columns.items()):
                return
            for name, value in columns.items():
                setattr(row, name, value)
            if row.scope is not None or row.may_introspect:
                session.add(row)
            else:
                session.delete(row)
            detail = {"client_id": client.client_id, **columns}
            self._add_event(session, "resource_client_changed", api, by, detail, client.id)
        self._cache_invalidation.forget_recorded(session)

    def _add_event(
        self,
        session: Session,
        event: str,
        row: OAuth2Resource,
        by: str | None,
        detail: dict[str, Any] | None = None,
        client: str | None = None,
    ) -> None:
        facts = {"resource": row.identifier, "resource_name": row.name, **(detail or {})}
        self._audit.add(session, event, subject=by, client=client, detail=facts)


def _lock_row(session: Session, row_id: str | None) -> OAuth2Resource:
    """Return an API's row for a change. Raises :class:`InvalidResourceError` if another node has just deleted it."""
    row = None if row_id is None else session.get(OAuth2Resource, row_id, with_for_update=True)
    if row is None:
        raise InvalidResourceError({"identifier": N_("This API has been deleted.")})
    return row


def _check_permission(client: Client, resource: Resource, columns: dict[str, Any]) -> None:
    """Check what a client is to be permitted at an API. Raises :class:`InvalidResourceError`."""
    unknown = [value for value in scopes.split(columns.get("scope")) if value not in resource.scopes]
    if unknown:
        message = N_("%(name)s has no scope %(scope)s.", name=resource.name, scope=" ".join(unknown))
        raise InvalidResourceError({"scope": message})
    if columns.get("may_introspect") and client.is_public:
        raise InvalidResourceError(
            {"client": N_("A client without a secret can't authenticate, so it can't introspect.")}
        )


def _check_place(session: Session, identifier: str) -> None:
    """Check that another API may be registered with this identifier. Raises :class:`InvalidResourceError`."""
    key = matching_key(identifier) or ""
    other = session.scalar(select(OAuth2Resource.name).where(OAuth2Resource.matching_key == key))
    if other is not None:
        message = N_("%(name)s already has this identifier, or one that matches the same requests.", name=other)
        raise InvalidResourceError({"identifier": message})
    begins_alike = func.lower(OAuth2Client.client_id).startswith(beginning_of(identifier), autoescape=True)
    if any(
        matching_key(client_id) == key
        for client_id in session.scalars(select(OAuth2Client.client_id).where(begins_alike))
    ):
        raise InvalidResourceError({"identifier": N_("This is the client_id of a client.")})
    if (session.scalar(select(func.count()).select_from(OAuth2Resource)) or 0) >= MAX_RESOURCES:
        message = N_("This server has %(count)s APIs, which is the limit.", count=MAX_RESOURCES)
        raise InvalidResourceError({"identifier": message})


def _put_fields(row: OAuth2Resource, resource: Resource) -> None:
    for name in FIELDS:
        setattr(row, name, getattr(resource, name))
    former = {scope.scope: scope for scope in row.scopes}
    row.scopes = [former.get(name) or OAuth2ResourceScope(scope=name) for name in resource.scopes]
    for place, (scope_row, scope) in enumerate(zip(row.scopes, resource.scopes.values(), strict=True)):
        scope_row.description, scope_row.is_open, scope_row.place = scope.description, scope.is_open, place


def _withdraw_scopes(session: Session, row_id: str, values: Collection[str]) -> None:
    """Withdraw scopes of an API from all that people and operators allowed clients there."""
    permission = OAuth2ResourceClient
    for row in session.scalars(select(permission).where(permission.resource == row_id, permission.scope.is_not(None))):
        row.scope = scopes.join(value for value in scopes.split(row.scope) if value not in values)
    withdraw_scopes_at_resource(session, row_id, values)


def _describe(before: Resource | None, after: Resource) -> dict[str, Any]:
    """Return the detail of an event: what changed, or what a new API has."""
    changed: dict[str, Any] = {
        name: getattr(after, name) for name in FIELDS if before is None or getattr(before, name) != getattr(after, name)
    }
    if before is None or before.scopes != after.scopes:
        changed["scope"] = scopes.join(after.scopes)
        changed["open_scope"] = scopes.join(after.open_scopes)
    return changed
