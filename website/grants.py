"""Owns grants: writing one, rotating its refresh token, revoking it, and whether a token of it is alive."""

from __future__ import annotations

from dataclasses import dataclass

from . import clock, scopes
from .audit import REFUSED, Audit
from .authentication import Authentication
from .database import Database, Writer
from .identifiers import new_identifier
from .requested_claims import NO_CLAIMS, RequestedClaims
from .settings import Settings
from .statements.grants import (
    INSERT_GRANT,
    READ_GRANT,
    READ_GRANT_HOLDER,
    READ_REFRESHABLE,
    READ_REVOKED_TOKEN,
    READ_TOKEN_STATE,
    REPEAT_ROTATION,
    REVOKE_GRANT,
    REVOKE_TOKEN,
    ROTATE_GRANT,
)
from .tokens import AccessToken, RefreshToken

#: How often the token just before the current one is answered within the grace window.
GRACE_USES = 3


@dataclass(frozen=True, slots=True)
class NewGrant:
    """What is granted to whom, before it is written."""

    client: str
    subject: str
    grant_type: str
    scope: str
    consent: str | None = None
    authentication: Authentication = Authentication()

    @property
    def ends_with_session(self) -> bool:
        """Whether it lasts as long as the login: who was let in by OpenID Connect, and not while the user is away."""
        values = scopes.split(self.scope)
        is_bound = scopes.OPENID in values and scopes.OFFLINE_ACCESS not in values
        return is_bound and self.authentication.session is not None


@dataclass(frozen=True, slots=True)
class Rotated:
    """A grant after its refresh token was taken: ``generation`` is the one to seal into the next."""

    subject: str
    scope: str
    user_id: str | None
    subject_epoch: int
    authentication: Authentication
    generation: int


class Grants:
    """The grants of one database."""

    def __init__(self, database: Database, settings: Settings, audit: Audit) -> None:
        self._database = database
        self._settings = settings
        self._audit = audit

    def write(self, writer: Writer, grant: NewGrant, with_refresh_token: bool, grant_id: str | None = None) -> str:
        """Insert a grant in the caller's transaction; return its id."""
        present, grant_id = clock.now(), grant_id or new_identifier()
        settings = self._settings
        lifetime = settings.access_token_lifetime(grant.grant_type)
        if with_refresh_token:
            lifetime = max(lifetime, settings.refresh_token_seconds)
        writer.run(
            INSERT_GRANT,
            id=grant_id,
            consent=grant.consent,
            client=grant.client,
            subject=grant.subject,
            grant_type=grant.grant_type,
            scope=grant.scope,
            **grant.authentication.to_row(),
            ends_with_session=grant.ends_with_session,
            generation=0,
            rotated_at=present,
            grace_uses=0,
            created_at=present,
            expires_at=present + lifetime,
        )
        return grant_id

    def rotate(self, token: RefreshToken, client: str) -> Rotated | None:
        """Take a refresh token: of all who hold this generation, one succeeds. ``None`` refuses.

        A token of a former generation, outside the grace window, is reuse: the grant dies (RFC 9700, section 4.14.2).
        """
        present, settings = clock.now(), self._settings
        held = {"grant_": token.grant, "client_": client, "generation_": token.generation, "now": present}
        held["session_idle_since"] = present - settings.session_idle_seconds
        with self._database.write() as writer:
            row = writer.one(ROTATE_GRANT, **held, idle_since=present - settings.refresh_token_idle_seconds)
            since = present - settings.refresh_token_grace_seconds
            if row is None and settings.refresh_token_grace_seconds:
                row = writer.one(REPEAT_ROTATION, **held, grace_since=since, grace_limit=GRACE_USES)
            if row is not None:
                subject, scope, user_id, epoch, *authentication = row
                held_by = Authentication.from_row(*authentication)
                return Rotated(subject, scope, user_id, epoch, held_by, token.generation + 1)
            self._end_if_reused(writer, token, client, since)
        return None

    def _end_if_reused(self, writer: Writer, token: RefreshToken, client: str, grace_since: int) -> None:
        state = writer.one(READ_GRANT, grant_=token.grant)
        if state is None:
            return
        owner, subject, _scope, generation, rotated_at, _expires_at, revoked_at = state
        # One retry too many within the grace window is refused, but it is no theft.
        is_late_retry = (
            self._settings.refresh_token_grace_seconds > 0
            and generation == token.generation + 1
            and rotated_at >= grace_since
        )
        if owner == client and generation > token.generation and not is_late_retry:
            writer.run(REVOKE_GRANT, grant_=token.grant, now=clock.now())
            if revoked_at is None:
                facts = {"actor": client, "subject": subject, "client": client, "detail": {"grant": token.grant}}
                self._audit.add(writer, "refresh_token_reused", REFUSED, **facts)

    def find_holder(self, grant_id: str) -> tuple[str | None, RequestedClaims]:
        """Return the user of a grant by the users table's id, and the claims that were asked for one by one."""
        row = self._database.one(READ_GRANT_HOLDER, grant_=grant_id)
        return (None, NO_CLAIMS) if row is None else (row[0], RequestedClaims.from_column(row[1]))

    def find_scope(self, grant_id: str, client: str) -> str | None:
        """Return the scope of a grant of this client."""
        row = self._database.one(READ_GRANT, grant_=grant_id)
        return None if row is None or row[0] != client else str(row[2])

    def revoke(self, grant_id: str) -> None:
        """End a grant and every token of it, on every node from the next request on."""
        with self._database.write() as writer:
            writer.run(REVOKE_GRANT, grant_=grant_id, now=clock.now())

    def revoke_access_token(self, token: AccessToken) -> None:
        """End one access token; its id is kept until it would have expired."""
        with self._database.write() as writer:
            writer.run(REVOKE_TOKEN, jti=token.jti, expires_at=token.expires_at)

    def is_alive(self, token: AccessToken) -> bool:
        """Tell whether an authentic, unexpired access token still holds: one statement."""
        if token.grant is None:
            return self._database.one(READ_REVOKED_TOKEN, jti_=token.jti) is None
        present = clock.now()
        row = self._database.one(
            READ_TOKEN_STATE,
            jti_=token.jti,
            grant_=token.grant,
            now=present,
            session_idle_since=present - self._settings.session_idle_seconds,
        )
        if row is None:
            return False
        revoked_at, expires_at, subject_epoch, revoked_jti, login_lasts = row
        return (
            revoked_at is None
            and revoked_jti is None
            and expires_at > present
            and subject_epoch == token.subject_epoch
            and bool(login_lasts)
        )

    def is_refreshable(self, token: RefreshToken) -> bool:
        """Tell whether a refresh token would be taken now."""
        present, settings = clock.now(), self._settings
        row = self._database.one(
            READ_REFRESHABLE,
            grant_=token.grant,
            generation_=token.generation,
            now=present,
            idle_since=present - settings.refresh_token_idle_seconds,
            session_idle_since=present - settings.session_idle_seconds,
        )
        return row is not None
