"""The state of access tokens: whether one is still active, and its user, in one statement by primary keys."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import FromClause, Text, bindparam, cast, exists, join, select

from .. import clock, scopes
from ..clients import Client
from ..database import Database, Row, Statement
from ..database.tables import grant, grant_login_lasts, grants, subject, subjects, table_of
from ..models.revoked_token import RevokedToken
from ..users.claim_columns import ClaimColumns, columns_for
from ..users.own_users_in_statements import ACCOUNT_COLUMNS, OwnUser, with_own_users
from ..users.requested_claims import NO_CLAIMS, RequestedClaims
from . import resource_scopes
from .resource_scopes import ResourceScopes
from .tokens import SEALED_FIELDS, AccessToken

revoked_tokens = table_of(RevokedToken)
_revoked = revoked_tokens.c
_grants_of_subjects = join(grants, subjects, subject.subject == grant.subject)
#: Everything that decides whether a token of a user is active.
_is_active = (
    grant.id == bindparam("grant_"),
    grant.revoked_at.is_(None),
    grant.expires_at > bindparam("now"),
    grant_login_lasts,
    subject.token_epoch == bindparam("subject_epoch_"),
    ~exists().where(_revoked.jti == bindparam("jti_")),
)
_granted = (
    grant.scope, cast(grant.resources, Text), cast(grant.claims, Text), grant.auth_time, grant.acr, subject.user_id,
)  # fmt: skip


def _state(tables: FromClause, *further: Any) -> Statement:
    """Return the statement for the grant of an active token, its user's id, and more columns."""
    return Statement(select(*_granted, *further).select_from(tables).where(*_is_active))


READ_TOKEN_STATE = _state(_grants_of_subjects)
READ_TOKEN_STATE_WITH_ACCOUNT = _state(with_own_users(_grants_of_subjects), *ACCOUNT_COLUMNS)
READ_REVOKED_TOKEN = Statement(select(_revoked.jti).where(_revoked.jti == bindparam("jti_")))


@lru_cache(maxsize=64)
def _read_token_state_with_claims(columns: ClaimColumns) -> Statement:
    return _state(with_own_users(_grants_of_subjects), *ACCOUNT_COLUMNS, *columns.columns)


class ActiveToken(NamedTuple):
    """An active access token, limited to its grant's current scope, with its client and user."""

    token: AccessToken
    client: Client
    #: Its grant's scope of identity and server, and its grant's scopes at APIs.
    granted_scope: str = ""
    resources: ResourceScopes = resource_scopes.NO_RESOURCES
    #: The user by the users table's own id; ``None`` for a client's own token.
    user_id: str | None = None
    requested_claims: RequestedClaims = NO_CLAIMS
    #: One of our own users, if the statement read them along.
    own_user: OwnUser | None = None

    @property
    def own_scope(self) -> str:
        """The token's scope without that at APIs: an API may have a scope that is also one of this server."""
        return scopes.within(self.token.scope, self.granted_scope.split()) if self.resources else self.token.scope


class TokenStates:
    """Tells whether access tokens of one database are active.

    All methods take an authentic, unexpired token with its client.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, token: AccessToken, client: Client) -> ActiveToken | None:
        """Return an active token."""
        return self._read(token, client, READ_TOKEN_STATE)

    def find_with_account(self, token: AccessToken, client: Client) -> ActiveToken | None:
        """Return an active token with its user from our own table."""
        return self._read(token, client, READ_TOKEN_STATE_WITH_ACCOUNT)

    def find_with_claims(self, token: AccessToken, client: Client) -> ActiveToken | None:
        """Return an active token with its user from our own table, and their claims of the client's scope."""
        columns = columns_for(client.scope)
        return self._read(token, client, _read_token_state_with_claims(columns), columns)

    def _read(
        self, token: AccessToken, client: Client, statement: Statement, claim_columns: ClaimColumns | None = None
    ) -> ActiveToken | None:
        if token.grant is None:
            is_revoked = self._database.one(READ_REVOKED_TOKEN, jti_=token.jti) is not None
            return None if is_revoked else ActiveToken(token, client)
        row = self._database.one(
            statement, grant_=token.grant, jti_=token.jti, subject_epoch_=token.subject_epoch, now=clock.now()
        )
        return None if row is None else _from_row(token, client, row, claim_columns)


def _from_row(token: AccessToken, client: Client, row: Row, claim_columns: ClaimColumns | None) -> ActiveToken:
    (scope, resources, claims, auth_time, acr, user_id), own_user = row[: len(_granted)], row[len(_granted) :]
    at_apis = resource_scopes.from_column(resources)
    usable = token.within(scopes.split(scopes.join((scope, *at_apis.values()))))
    usable = AccessToken._make((*usable[:SEALED_FIELDS], auth_time, acr))
    user = OwnUser.from_row(own_user, claim_columns) if own_user else None
    return ActiveToken(usable, client, scope, at_apis, user_id, RequestedClaims.from_column(claims), user)
