"""Owns consents: what a user allowed a client, whether it covers a request, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from . import clock, scopes
from .database import Database
from .identifiers import new_identifier
from .models.client import OAuth2Client
from .models.consent import Consent
from .models.grant import Grant
from .statements import DELETE_CONSENT, READ_CONSENT, REVOKE_GRANTS_OF_CLIENT


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
            held = session.scalar(select(Consent).where(Consent.subject == subject, Consent.client == client))
            if held is None:
                held = Consent(id=new_identifier(), subject=subject, client=client, scope="")
                session.add(held)
            earlier = scopes.split(held.scope) if held.scope and held.expires_at > present else ()
            held.scope = scopes.join(dict.fromkeys((*earlier, *scopes.split(scope))))
            held.granted_at, held.expires_at = present, present + self._seconds
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
        """Take back what the user allowed the client: the consent goes, and every grant's tokens die at once."""
        with self._database.write() as writer:
            writer.run(DELETE_CONSENT, subject_=subject, client_=client)
            writer.run(REVOKE_GRANTS_OF_CLIENT, subject_=subject, client_=client, now=clock.now())
