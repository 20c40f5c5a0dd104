"""Owns consents: what a user allowed a client, whether it covers a request, and taking it back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import null, select
from sqlalchemy.dialects.postgresql import insert

from . import clock, scopes
from .claims import claims_of_scope
from .database import Database
from .identifiers import new_identifier
from .models.client import OAuth2Client
from .models.consent import Consent
from .models.grant import Grant
from .statements.consents import BURN_CODES_OF_CLIENT, DELETE_CONSENT, READ_CONSENT
from .statements.grants import REVOKE_GRANTS_TO_CLIENT


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """A client that holds a user's consent or a live grant of theirs."""

    client: str
    client_name: str
    scope: str
    since: int
    #: What it asked to hear of, one by one.
    claims: tuple[str, ...] = ()
    #: Whether one of its refresh tokens came again and again after it was spent: two programs use it.
    is_used_in_two_places: bool = False

    def with_more_of(self, other: ConnectedApp) -> ConnectedApp:
        """Return this app with all that another entry about it may."""
        values = dict.fromkeys((*scopes.split(self.scope), *scopes.split(other.scope)))
        claims = tuple(dict.fromkeys(self.claims + other.claims))
        is_used_in_two_places = self.is_used_in_two_places or other.is_used_in_two_places
        return replace(self, scope=scopes.join(values), claims=claims, is_used_in_two_places=is_used_in_two_places)

    @property
    def claims_beyond_scope(self) -> list[str]:
        given = claims_of_scope(self.scope)
        return [name for name in self.claims if name not in given]


class Consents:
    """The consents of one database."""

    def __init__(self, database: Database, consent_seconds: int) -> None:
        self._database = database
        self._seconds = consent_seconds

    def find_covering(self, subject: str, client: str, scope: str, claims: Sequence[str] = ()) -> str | None:
        """Return the id of the unexpired consent that covers the scope and the claims beyond it, if there is one."""
        row = self._database.one(READ_CONSENT, subject_=subject, client_=client)
        if row is None or row[2] <= clock.now() or not scopes.covers(row[1], scope):
            return None
        if not set(claims).issubset((*claims_of_scope(row[1]), *(json.loads(row[3] or "null") or ()))):
            return None
        return str(row[0])

    def remember(self, subject: str, client: str, scope: str, claims: Sequence[str] = ()) -> str:
        """Add scope, and claims beyond it, to what the user allowed the client, from now on; return the consent."""
        present = clock.now()
        with self._database.writing() as session:
            fresh = insert(Consent).values(
                id=new_identifier(), subject=subject, client=client, scope="", granted_at=present, expires_at=present
            )
            # Two pages may be answered at once: the row is made unless it is there, then held until it is written.
            session.execute(fresh.on_conflict_do_nothing())
            mine = select(Consent).where(Consent.subject == subject, Consent.client == client)
            held = session.scalars(mine.with_for_update()).one()
            if held.expires_at <= present:
                held.scope, held.claims, held.granted_at = "", [], present
            held.scope = scopes.join(dict.fromkeys((*scopes.split(held.scope), *scopes.split(scope))))
            held.claims = [*dict.fromkeys((*(held.claims or ()), *claims))]
            held.expires_at = present + self._seconds
            return held.id

    def list_connected_apps(self, subject: str) -> list[ConnectedApp]:
        """Return the clients that the user let in, the latest first."""
        present = clock.now()
        with self._database.reading() as session:
            consents = session.execute(
                select(
                    Consent.client, OAuth2Client.client_name, Consent.scope, Consent.granted_at, Consent.claims, null()
                )
                .join(OAuth2Client, OAuth2Client.id == Consent.client)
                .where(Consent.subject == subject, Consent.expires_at > present)
            ).all()
            grants = session.execute(
                select(
                    Grant.client,
                    OAuth2Client.client_name,
                    Grant.scope,
                    Grant.created_at,
                    Grant.claims,
                    Grant.used_in_two_places_at,
                )
                .join(OAuth2Client, OAuth2Client.id == Grant.client)
                .where(Grant.subject == subject, Grant.revoked_at.is_(None), Grant.expires_at > present)
                .order_by(Grant.created_at)
            ).all()
        apps: dict[str, ConnectedApp] = {}
        for client, name, scope, since, asked, in_two_places_at in [*consents, *grants]:
            # A consent has a list, a grant says too where each one is heard.
            named = [claim for place in asked.values() for claim in place] if isinstance(asked, dict) else asked or ()
            new = ConnectedApp(client, name, scope, since, tuple(named), in_two_places_at is not None)
            apps[client] = apps[client].with_more_of(new) if client in apps else new
        return sorted(apps.values(), key=lambda app: app.since, reverse=True)

    def revoke(self, subject: str, client: str) -> None:
        """Take back what the user allowed the client: codes, consent and every token die at once."""
        whose, present = {"subject_": subject, "client_": client}, clock.now()
        with self._database.write() as writer:
            # Codes first: a redemption under way holds its code, and is waited for before its grant is looked for.
            writer.run(BURN_CODES_OF_CLIENT, **whose, now=present)
            writer.run(DELETE_CONSENT, **whose)
            writer.run(REVOKE_GRANTS_TO_CLIENT, **whose, now=present)
