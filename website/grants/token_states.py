"""The state of access tokens: whether one is still active, and its user, in one statement by primary keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import FromClause, Text, bindparam, cast, join, outerjoin, select

from .. import clock, scopes
from ..database import Database, Row, Statement
from ..database.tables import grant, grant_login_lasts, grants, subject, subjects, table_of
from ..models.revoked_token import RevokedToken
from ..users.own_users import ACCOUNT_COLUMNS, CLAIM_COLUMNS, OwnUser, with_own_users
from ..users.requested_claims import NO_CLAIMS, RequestedClaims
from . import resource_scopes
from .resource_scopes import ResourceScopes
from .tokens import AccessToken

revoked_tokens = table_of(RevokedToken)
_revoked = revoked_tokens.c
_grants_of_subjects = outerjoin(
    join(grants, subjects, subject.subject == grant.subject), revoked_tokens, _revoked.jti == bindparam("jti_")
)


def _state(tables: FromClause, *further: Any) -> Statement:
    """Return the statement for everything that decides whether a token is active, its user's id, and more columns."""
    deciding = grant.revoked_at, grant.expires_at, subject.token_epoch, _revoked.jti, grant_login_lasts
    granted = grant.scope, cast(grant.resources, Text), subject.user_id, cast(grant.claims, Text)
    found = select(*deciding, *granted, grant.auth_time, grant.acr, *further).select_from(tables)
    return Statement(found.where(grant.id == bindparam("grant_")))


READ_TOKEN_STATE = _state(_grants_of_subjects)
READ_TOKEN_STATE_WITH_ACCOUNT = _state(with_own_users(_grants_of_subjects), *ACCOUNT_COLUMNS)
READ_TOKEN_STATE_WITH_CLAIMS = _state(with_own_users(_grants_of_subjects), *ACCOUNT_COLUMNS, *CLAIM_COLUMNS)
READ_REVOKED_TOKEN = Statement(select(_revoked.jti).where(_revoked.jti == bindparam("jti_")))


@dataclass(frozen=True, slots=True)
class ActiveToken:
    """An active access token, limited to its grant's current scope, and its user."""

    token: AccessToken
    #: Its grant's scope of identity and server, and its grant's scopes at APIs.
    granted_scope: str = ""
    resources: ResourceScopes = field(default_factory=dict)
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
    """Tells whether access tokens of one database are active. All methods take authentic, unexpired tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, token: AccessToken) -> ActiveToken | None:
        """Return an active token."""
        return self._read(token, READ_TOKEN_STATE)

    def find_with_account(self, token: AccessToken) -> ActiveToken | None:
        """Return an active token with its user from our own table."""
        return self._read(token, READ_TOKEN_STATE_WITH_ACCOUNT)

    def find_with_claims(self, token: AccessToken) -> ActiveToken | None:
        """Return an active token with its user and their claims from our own table."""
        return self._read(token, READ_TOKEN_STATE_WITH_CLAIMS)

    def _read(self, token: AccessToken, statement: Statement) -> ActiveToken | None:
        if token.grant is None:
            is_revoked = self._database.one(READ_REVOKED_TOKEN, jti_=token.jti) is not None
            return None if is_revoked else ActiveToken(token)
        now = clock.now()
        row = self._database.one(statement, jti_=token.jti, grant_=token.grant, now=now)
        return None if row is None else _judge(token, row, now)


def _judge(token: AccessToken, row: Row, now: int) -> ActiveToken | None:
    (revoked_at, expires_at, subject_epoch, revoked_jti, login_lasts), granted, own_user = row[:5], row[5:11], row[11:]
    is_active = (
        revoked_at is None
        and revoked_jti is None
        and expires_at > now
        and subject_epoch == token.subject_epoch
        and bool(login_lasts)
    )
    if not is_active:
        return None
    scope, resources, user_id, claims, auth_time, acr = granted
    at_apis = resource_scopes.from_column(resources)
    values = scopes.split(" ".join((scope, *at_apis.values())))
    usable = token.within(values)._replace(auth_time=auth_time, acr=acr)
    user = OwnUser.from_row(tuple(own_user)) if own_user else None
    return ActiveToken(usable, scope, at_apis, user_id, RequestedClaims.from_column(claims), user)
