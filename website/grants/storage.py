"""Grants: creating, finding and revoking them; ``refresh_rotation.py`` and ``token_states.py`` have the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Text, bindparam, cast, delete, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_on_conflict

from .. import clock, scopes
from ..access import Rules
from ..access.rule_conditions import locked_rule
from ..audit import Audit
from ..clients import Client
from ..database import Database, Row, Statement, Writer
from ..database.tables import grant, grants, subject, subjects
from ..identifiers import new_identifier
from ..keys import Keys
from ..sessions import AuthenticationContext
from ..sessions.authentication_context import AUTHENTICATION_COLUMNS, authentication_columns
from ..settings import Settings
from . import resource_scopes
from .activity import Activity
from .consents import Consents
from .ending_grants import REVOKE_GRANT, REVOKE_GRANT_OF_CLIENT
from .pending_requests import PendingRequests
from .refresh_rotation import READ_REFRESHABLE_SCOPE, RefreshRotation, Rotated
from .resource_scopes import ResourceScopes
from .token_states import TokenStates, revoked_tokens
from .tokens import AccessToken, AccessTokenFormat, RefreshToken, Tokens
from .used_jtis import Replay

#: The user of a grant, and the contents of its tokens.
READ_GRANT_USER = Statement(
    select(subject.user_id, grant.subject, grant.scope, *authentication_columns(grant))
    .join_from(grants, subjects, subject.subject == grant.subject)
    .where(grant.id == bindparam("grant_"), grant.client == bindparam("client_"), grant.revoked_at.is_(None))
)
GRANT_COLUMNS = (
    "id", "consent", "client", "client_epoch", "subject", "grant_type", "scope", "resources", *AUTHENTICATION_COLUMNS,
    "ends_with_session", "generation", "rotated_at", "grace_uses", "created_at", "expires_at",
)  # fmt: skip
#: Returns whether its client has a rule. That is read here, as another node may have just made one.
INSERT_GRANT = Statement(insert(grants).inline().returning(locked_rule(grant.client)), GRANT_COLUMNS)
DELETE_GRANT = Statement(delete(grants).where(grant.id == bindparam("grant_")))
#: The same SQL on SQLite and PostgreSQL: revoking a token again changes nothing.
REVOKE_TOKEN = Statement(
    insert_on_conflict(revoked_tokens).values(jti=bindparam("jti"), expires_at=bindparam("expires_at"))
    .on_conflict_do_nothing()
)  # fmt: skip
READ_GRANT_SCOPE = Statement(
    select(grant.scope, cast(grant.resources, Text)).where(
        grant.id == bindparam("grant_"), grant.client == bindparam("client_")
    )
)


class NewGrant(NamedTuple):
    """A grant before it is written."""

    client: Client
    subject: str
    grant_type: str
    #: Of the user's identity and this server; ``resources`` has the scopes at APIs.
    scope: str
    resources: ResourceScopes = resource_scopes.NO_RESOURCES
    consent: str | None = None
    authentication: AuthenticationContext = AuthenticationContext()
    #: Whether it outlives the login even without ``offline_access``.
    stays_connected: bool = False

    @property
    def ends_with_session(self) -> bool:
        """Whether it ends with the login session: with ``openid``, and without ``offline_access``."""
        values = scopes.split(self.scope)
        is_bound = scopes.OPENID in values and scopes.OFFLINE_ACCESS not in values and not self.stays_connected
        return is_bound and self.authentication.session is not None


class TokenUser(NamedTuple):
    """The user of a code or refresh token, found without taking it, and the contents of the tokens for it."""

    #: The users table's own id.
    user_id: str
    subject: str
    scope: str
    authentication: AuthenticationContext = AuthenticationContext()

    @classmethod
    def from_row(cls, row: Row) -> TokenUser:
        user_id, subject, scope, *authentication = row
        return cls(user_id, subject, scope, AuthenticationContext.from_row(*authentication))


class GrantedScope(NamedTuple):
    """What a grant allows: the scope of identity and server, and the scopes at APIs."""

    scope: str
    resources: ResourceScopes

    @classmethod
    def from_row(cls, row: Row) -> GrantedScope:
        scope, resources = row
        return cls(scope, resource_scopes.from_column(resources))


class Grants:
    """The grants of one database."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        audit: Audit,
        keys: Keys,
        formats: Mapping[str, AccessTokenFormat],
        rules: Rules,
        *,
        judges_users: bool,
    ) -> None:
        """``formats`` are the forms of access tokens by name; ``judges_users`` is as in :class:`RefreshRotation`.

        ``rules`` say who may use which client.
        """
        self.tokens = Tokens(keys, settings.issuer or "demo", formats)
        self.token_states = TokenStates(database)
        self.consents = Consents(database, settings.consent_seconds, audit)
        self.pending_requests = PendingRequests(database)
        self.activity = Activity(database, settings)
        self.replay = Replay(database)
        self._rotation = RefreshRotation(database, settings, audit, judges_users=judges_users)
        self._database = database
        self._settings = settings
        self._rules = rules

    def write(
        self, writer: Writer, grant: NewGrant, with_refresh_token: bool, grant_id: str | None = None
    ) -> str | None:
        """Insert a grant in the caller's transaction; return its id.

        ``None`` if its user may not use the client, or not with this login: then nothing was written. Every token of a
        user has a grant, so this is judged here for every way to get one. For a client without a rule it costs no
        statement.
        """
        now, grant_id = clock.now(), grant_id or new_identifier()
        settings = self._settings
        lifetime = settings.access_token_lifetime(grant.grant_type)
        if with_refresh_token:
            lifetime = max(lifetime, settings.refresh_token_seconds)
        inserted = writer.one(
            INSERT_GRANT,
            id=grant_id,
            consent=grant.consent,
            client=grant.client.id,
            client_epoch=grant.client.token_epoch,
            subject=grant.subject,
            grant_type=grant.grant_type,
            scope=grant.scope,
            resources=resource_scopes.to_column(grant.resources),
            **grant.authentication.to_row(),
            ends_with_session=grant.ends_with_session,
            generation=0,
            rotated_at=now,
            grace_uses=0,
            created_at=now,
            expires_at=now + lifetime,
        )
        has_rule = inserted is not None and bool(inserted[0])
        if has_rule and not self._rules.lets(writer, grant.client.id, grant.subject, grant.authentication.acr):
            writer.run(DELETE_GRANT, grant_=grant_id)
            return None
        return grant_id

    def rotate(self, token: RefreshToken, client: Client) -> Rotated | None:
        """Rotate a client's refresh token; ``None`` means rejected. See :mod:`.refresh_rotation`."""
        return self._rotation.rotate(token, client)

    def find_user(self, grant_id: str, client: str) -> TokenUser | None:
        """Return the user of a live grant of this client."""
        row = self._database.one(READ_GRANT_USER, grant_=grant_id, client_=client)
        return None if row is None else TokenUser.from_row(row)

    def find_scope(self, grant_id: str, client: str) -> GrantedScope | None:
        """Return what a client's grant allows."""
        row = self._database.one(READ_GRANT_SCOPE, grant_=grant_id, client_=client)
        return None if row is None else GrantedScope.from_row(row)

    def revoke(self, grant_id: str) -> None:
        """End a grant and all its tokens; takes effect on every node with the next request."""
        self._database.write_one(REVOKE_GRANT, grant_=grant_id, now=clock.now())

    def revoke_of_client(self, grant_id: str, client: str) -> None:
        """End a grant as :meth:`revoke` does, if it is this client's."""
        self._database.write_one(REVOKE_GRANT_OF_CLIENT, grant_=grant_id, client_=client, now=clock.now())

    def revoke_access_token(self, token: AccessToken) -> None:
        """Revoke an access token; its id is kept until it would have expired."""
        self._database.write_one(REVOKE_TOKEN, jti=token.jti, expires_at=token.expires_at)

    def find_refreshable_scope(self, token: RefreshToken, client: Client) -> GrantedScope | None:
        """Return what a refresh token's grant allows if this client's attempt to use it would succeed now."""
        now, settings = clock.now(), self._settings
        row = self._database.one(
            READ_REFRESHABLE_SCOPE,
            grant_=token.grant,
            client_=client.id,
            client_epoch_=client.token_epoch,
            generation_=token.generation,
            now=now,
            idle_since=now - settings.refresh_token_idle_seconds,
        )
        return None if row is None else GrantedScope.from_row(row)
