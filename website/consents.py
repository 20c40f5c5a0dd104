"""Owns consents: what a user allowed a client, whether it covers a request, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from . import clock, scopes
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


class Consents:
    """The consents of one database."""

    def __init__(self, database: Database, consent_seconds: int) -> None:
        self._database = database
        self._seconds = consent_seconds

    def find_covering(self, subject: str, client: str, scope: str) -> str | None:
        """Return the id of the unexpired consent that covers the scope, if there is one."""
        row = self._database.one(READ_CONSENT, subject_=subject, client_=client)
        if row is None or row[2] <= clock.now() or not scopes.covers(row[1], scope):
            return None
        return str(row[0])

    def remember(self, subject: str, client: str, scope: str) -> str:
        """Add the scope to what the user allowed the client, from now on; return the consent's id."""
        present = clock.now()
        with self._database.writing() as session:
            fresh = insert(Consent).values(
                id=new_identifier(), subject=subject, client=client, scope="", granted_at=present, expires_at=present
            )
            # Two pages may be answered at once: the row is made unless it is there, then held until it is written.
            session.execute(fresh.on_conflict_do_nothing())
            mine = select(Consent).where(Consent.subject == subject, Consent.client == client)
            held = session.scalars(mine.with_for_update()).one()
            earlier = scopes.split(held.scope) if held.expires_at > present else ()
            held.scope = scopes.join(dict.fromkeys((*earlier, *scopes.split(scope))))
            if not earlier:
                held.granted_at = present
            held.expires_at = present + self._seconds
            return held.id

    def list_connected_apps(self, subject: str) -> list[ConnectedApp]:
        """Return the clients that the user let in, the latest first."""
        present = clock.now()
        with self._database.reading() as session:
            consents = session.execute(
                select(Consent.client, OAuth2Client.client_name, Consent.scope, Consent.granted_at)
                .join(OAuth2Client, OAuth2Client.id == Consent.client)
                .where(Consent.subject == subject, Consent.expires_at > present)
            ).all()
            grants = session.execute(
                select(Grant.client, OAuth2Client.client_name, Grant.scope, Grant.created_at)
                .join(OAuth2Client, OAuth2Client.id == Grant.client)
                .where(Grant.subject == subject, Grant.revoked_at.is_(None), Grant.expires_at > present)
                .order_by(Grant.created_at)
            ).all()
        apps: dict[str, ConnectedApp] = {}
        for client, name, scope, since in [*consents, *grants]:
            held = apps.get(client)
            merged = dict.fromkeys((*scopes.split(held.scope if held else ""), *scopes.split(scope)))
            apps[client] = ConnectedApp(client, name, scopes.join(merged), held.since if held else since)
        return sorted(apps.values(), key=lambda app: app.since, reverse=True)

    def revoke(self, subject: str, client: str) -> None:
        """Take back what the user allowed the client: codes, consent and every token die at once."""
        whose, present = {"subject_": subject, "client_": client}, clock.now()
        with self._database.write() as writer:
            # Codes first: a redemption under way holds its code, and is waited for before its grant is looked for.
            writer.run(BURN_CODES_OF_CLIENT, **whose, now=present)
            writer.run(DELETE_CONSENT, **whose)
            writer.run(REVOKE_GRANTS_TO_CLIENT, **whose, now=present)
