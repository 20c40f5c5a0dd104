"""Consents: what a user allows a client, whether it covers a request, and revoking it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, cast, delete, null, select, update
from sqlalchemy.dialects.postgresql import insert

from .. import clock, scopes
from ..audit import Audit
from ..clients import shown_at_consent
from ..database import Database, Statement
from ..database.tables import code, codes, consent, consents, device_code, device_codes
from ..identifiers import new_identifier
from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.client import OAuth2Client
from ..models.consent import Consent
from ..models.grant import Grant
from ..standard_claims import claims_of_scope
from . import resource_scopes
from .ending_grants import REVOKE_GRANTS_TO_CLIENT
from .resource_scopes import NO_RESOURCES, ResourceScopes

READ_CONSENT = Statement(
    select(
        consent.id, consent.scope, consent.expires_at,
        *(cast(column, Text) for column in (consent.claims, consent.resources, consent.shown)),
    ).where(consent.subject == bindparam("subject_"), consent.client == bindparam("client_"))
)  # fmt: skip
READ_CONSENT_STAYS_CONNECTED = Statement(select(consent.stays_connected).where(consent.id == bindparam("consent_")))
#: Makes unredeemed codes unusable.
BURN_CODES_OF_CLIENT = Statement(
    update(codes)
    .where(
        code.subject == bindparam("subject_"),
        code.client == bindparam("client_"),
        OAuth2AuthorizationCode.is_waiting(bindparam("now", type_=BigInteger)),
    )
    .values(used_at=bindparam("now", type_=BigInteger))
)
#: A device that was allowed and hasn't polled since gets nothing.
DELETE_DEVICE_CODES_OF_CLIENT = Statement(
    delete(device_codes).where(device_code.subject == bindparam("subject_"), device_code.client == bindparam("client_"))
)
DELETE_CONSENT = Statement(
    delete(consents).where(consent.subject == bindparam("subject_"), consent.client == bindparam("client_"))
)


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """A client with a user's consent or an active grant."""

    client: str
    client_name: str
    scope: str
    since: int
    #: Its individually requested claims.
    claims: tuple[str, ...] = ()
    #: Its scopes at APIs.
    resources: ResourceScopes = field(default_factory=dict)
    #: Whether a used refresh token was sent again and again, as two programs share it.
    is_used_in_two_places: bool = False
    #: When it last got tokens for the user; ``None`` if it has no active grant.
    last_active_at: int | None = None

    def with_more_of(self, other: ConnectedApp) -> ConnectedApp:
        """Return this app with the permissions of another entry about it added."""
        values = dict.fromkeys((*scopes.split(self.scope), *scopes.split(other.scope)))
        claims = tuple(dict.fromkeys(self.claims + other.claims))
        return replace(
            self,
            scope=scopes.join(values),
            claims=claims,
            resources=resource_scopes.join(self.resources, other.resources),
            is_used_in_two_places=self.is_used_in_two_places or other.is_used_in_two_places,
            last_active_at=max(filter(None, (self.last_active_at, other.last_active_at)), default=None),
        )

    @property
    def claims_beyond_scope(self) -> list[str]:
        names_of_scope = claims_of_scope(self.scope)
        return [name for name in self.claims if name not in names_of_scope]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a stored consent allows a client."""

    id: str
    scope: str
    claims: tuple[str, ...]
    resources: ResourceScopes


class Consents:
    """The consents of one database."""

    def __init__(self, database: Database, consent_seconds: int, audit: Audit) -> None:
        self._database = database
        self._seconds = consent_seconds
        self._audit = audit

    def find_covering(
        self,
        subject: str,
        client: str,
        scope: str,
        claims: Sequence[str] = (),
        shown: Mapping[str, Any] | None = None,
        resources: ResourceScopes = NO_RESOURCES,
    ) -> str | None:
        """Return the id of the unexpired consent that covers scope, additional claims and APIs, if there is one.

        ``shown`` are the client's details as shown to people now, see ``shown_at_consent``: consent to different
        details doesn't count.
        """
        allowed = self.find_allowed(subject, client, shown)
        if allowed is None or not scopes.covers(allowed.scope, scope):
            return None
        if not resource_scopes.cover(allowed.resources, resources):
            return None
        return allowed.id if set(claims).issubset((*claims_of_scope(allowed.scope), *allowed.claims)) else None

    def find_allowed(self, subject: str, client: str, shown: Mapping[str, Any] | None) -> Allowed | None:
        """Return what the user allowed to the client with its current details."""
        row = self._database.one(READ_CONSENT, subject_=subject, client_=client)
        if row is None:
            return None
        consent_id, scope, expires_at, claims, resources, shown_before = row
        if expires_at <= clock.now():
            return None
        if not shown_at_consent.covers(None if shown_before is None else json.loads(shown_before), shown):
            return None
        claim_names = () if claims is None else tuple(json.loads(claims) or ())
        return Allowed(consent_id, scope, claim_names, resource_scopes.from_column(resources))

    def says_stays_connected(self, consent: str) -> bool:
        """Tell whether the consent page said that the client stays connected after logout."""
        row = self._database.one(READ_CONSENT_STAYS_CONNECTED, consent_=consent)
        return row is not None and bool(row[0])

    def remember(
        self,
        subject: str,
        client: str,
        scope: str,
        claims: Sequence[str] = (),
        *,
        resources: ResourceScopes = NO_RESOURCES,
        shown: Mapping[str, Any] | None = None,
        stays_connected: bool = False,
        detail: Mapping[str, Any] | None = None,
    ) -> str:
        """Add a scope, additional claims and APIs to the user's consent to the client; return the consent's id.

        Replaces a consent to different details of the client. ``detail`` is the event's, by default the scope.
        """
        now = clock.now()
        with self._database.writing() as session:
            fresh = insert(Consent).values(
                id=new_identifier(), subject=subject, client=client, scope="", granted_at=now, expires_at=now
            )
            # Two pages may be submitted at once: create the row if missing, then lock it until it is written.
            session.execute(fresh.on_conflict_do_nothing())
            existing = select(Consent).where(Consent.subject == subject, Consent.client == client)
            row = session.scalars(existing.with_for_update()).one()
            is_empty = not (row.scope or row.claims or row.resources)
            if row.expires_at <= now or not (is_empty or shown_at_consent.are_same_details(row.shown, shown)):
                row.scope, row.claims, row.resources, row.granted_at, row.shown = "", [], {}, now, None
            row.shown = shown_at_consent.joined(row.shown, shown)
            row.stays_connected = stays_connected
            row.scope = scopes.join(dict.fromkeys((*scopes.split(row.scope), *scopes.split(scope))))
            row.claims = [*dict.fromkeys((*(row.claims or ()), *claims))]
            if resources:
                row.resources = resource_scopes.join(row.resources or NO_RESOURCES, resources)
            row.expires_at = now + self._seconds
            told = {"scope": scope} if detail is None else dict(detail)
            self._audit.add(session, "consent_granted", subject=subject, client=client, detail=told)
            return row.id

    def allow_once(self, subject: str, client: str, detail: Mapping[str, Any]) -> None:
        """Record consent to a single request. Nothing but the event, with this detail, is stored."""
        self._audit.record("consent_granted", subject=subject, client=client, detail=dict(detail))

    def refuse(self, subject: str, client: str, detail: Mapping[str, Any]) -> None:
        """Record that the user denied a request. Earlier consent stays."""
        self._audit.record("consent_denied", subject=subject, client=client, detail=dict(detail))

    def list_connected_apps(self, subject: str) -> list[ConnectedApp]:
        """Return the clients connected to the user's account, latest first."""
        now = clock.now()
        with self._database.reading() as session:
            consents = session.execute(
                select(
                    Consent.client,
                    OAuth2Client.client_name,
                    Consent.scope,
                    Consent.granted_at,
                    Consent.claims,
                    Consent.resources,
                    null(),
                    null(),
                )
                .join(OAuth2Client, OAuth2Client.id == Consent.client)
                .where(Consent.subject == subject, Consent.expires_at > now)
            ).all()
            grants = session.execute(
                select(
                    Grant.client,
                    OAuth2Client.client_name,
                    Grant.scope,
                    Grant.created_at,
                    Grant.claims,
                    Grant.resources,
                    Grant.used_in_two_places_at,
                    Grant.rotated_at,
                )
                .join(OAuth2Client, OAuth2Client.id == Grant.client)
                .where(Grant.subject == subject, Grant.revoked_at.is_(None), Grant.expires_at > now)
                .where(Grant.is_of_epoch(OAuth2Client.token_epoch))
                .order_by(Grant.created_at)
            ).all()
        apps: dict[str, ConnectedApp] = {}
        for app in (_app_from_row(*row) for row in [*consents, *grants]):
            apps[app.client] = apps[app.client].with_more_of(app) if app.client in apps else app
        return sorted(apps.values(), key=lambda app: app.since, reverse=True)

    def revoke(self, subject: str, client: str) -> None:
        """Revoke the user's consent to the client, and end all codes and tokens at once."""
        whose, now = {"subject_": subject, "client_": client}, clock.now()
        with self._database.write() as writer:
            # Codes first: this waits for a concurrent redemption, so that its grant is found.
            ended = writer.run(BURN_CODES_OF_CLIENT, **whose, now=now)
            ended += writer.run(DELETE_DEVICE_CODES_OF_CLIENT, **whose)
            ended += writer.run(DELETE_CONSENT, **whose)
            ended += writer.run(REVOKE_GRANTS_TO_CLIENT, **whose, now=now)
            if ended:
                self._audit.add(writer, "consent_revoked", subject=subject, client=client)


def _app_from_row(
    client: str,
    name: str,
    scope: str,
    since: int,
    claims: Any,
    resources: ResourceScopes | None,
    in_two_places_at: int | None,
    active_at: int | None,
) -> ConnectedApp:
    # A consent has a list of claims; a grant also has where each one is returned.
    names = [claim for place in claims.values() for claim in place] if isinstance(claims, dict) else claims or ()
    is_in_two_places = in_two_places_at is not None
    return ConnectedApp(
        client, name, scope, since, tuple(names), resources or NO_RESOURCES, is_in_two_places, active_at
    )
