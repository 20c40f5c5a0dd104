"""Refresh token rotation: which token is rotated, which is accepted again, and which ends its grant.

A client may send the same refresh token twice in parallel, and a response can be lost: so the previous token is
accepted for some more seconds, with the current generation, so that there are never two branches (RFC 9700, section
4.14.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Text,
    and_,
    bindparam,
    case,
    cast,
    or_,
    select,
    true,
    update,
)

from .. import clock
from ..audit import REFUSED, Audit
from ..clients import Client
from ..database import Database, Row, Statement, Writer
from ..database.tables import epoch_of_subject, grant, grant_login_lasts, grants
from ..request_context import network_of, request_origin
from ..sessions import AuthenticationContext
from ..sessions.authentication_context import authentication_columns
from ..settings import Settings
from ..users.own_users_in_statements import may_log_in
from . import resource_scopes
from .ending_grants import REVOKE_GRANT
from .resource_scopes import ResourceScopes
from .tokens import RefreshToken

_rotated_columns = (
    grant.subject, grant.scope, cast(grant.resources, Text), may_log_in(grant.subject),
    epoch_of_subject(grant.subject), *authentication_columns(grant),
)  # fmt: skip
#: Whether the client's token epoch, as this process knows it, hasn't ended the grant.
is_of_epoch = or_(grant.client_epoch.is_(None), grant.client_epoch == bindparam("client_epoch_"))
_refreshable = (
    grant.id == bindparam("grant_"),
    grant.client == bindparam("client_"),
    grant.generation == bindparam("generation_"),
    is_of_epoch,
    grant.revoked_at.is_(None),
    grant.expires_at > bindparam("now"),
    grant.rotated_at > bindparam("idle_since"),
    grant_login_lasts,
)
READ_REFRESHABLE_SCOPE = Statement(select(grant.scope, cast(grant.resources, Text)).where(*_refreshable))
#: Rotates: only one of all requests with generation n gets n + 1.
ROTATE_GRANT = Statement(
    update(grants)
    .where(*_refreshable)
    .values(
        generation=grant.generation + 1, rotated_at=bindparam("now"), grace_uses=0, rotated_from=bindparam("network")
    )
    .returning(*_rotated_columns)
)
_is_elsewhere = grant.rotated_from != bindparam("network")


def _running(generations: Column[Any], last: Column[Any], counts: Any) -> ColumnElement[Any]:
    """Return how many generations in a row, including this one, had such a repeat; each counts once."""
    return case(
        (and_(counts, last == grant.generation), generations),
        (and_(counts, last == grant.generation - 1), generations + 1),
        (counts, 1),
        else_=generations,
    )


#: Accepts the previous generation within the grace period, a limited number of times, without extending the period.
REPEAT_ROTATION = Statement(
    update(grants)
    .where(
        grant.id == bindparam("grant_"),
        grant.client == bindparam("client_"),
        grant.generation == bindparam("generation_") + 1,
        is_of_epoch,
        grant.revoked_at.is_(None),
        grant.expires_at > bindparam("now"),
        grant.rotated_at >= bindparam("grace_since"),
        grant.grace_uses < bindparam("grace_limit"),
        grant_login_lasts,
    )
    .values(
        grace_uses=grant.grace_uses + 1,
        generations_repeated=_running(grant.generations_repeated, grant.repeated_generation, true()),
        repeated_generation=grant.generation,
        generations_repeated_elsewhere=_running(
            grant.generations_repeated_elsewhere, grant.repeated_elsewhere_generation, _is_elsewhere
        ),
        repeated_elsewhere_generation=case(
            (_is_elsewhere, grant.generation), else_=grant.repeated_elsewhere_generation
        ),
    )
    .returning(
        grant.grace_uses,
        grant.generations_repeated,
        grant.generations_repeated_elsewhere,
        case((_is_elsewhere, 1), else_=0),
        *_rotated_columns,
    )
)
MARK_USED_IN_TWO_PLACES = Statement(
    update(grants).where(grant.id == bindparam("grant_")).values(used_in_two_places_at=bindparam("now"))
)
#: The state of the grant of a client's used refresh token.
READ_ROTATION = Statement(
    select(grant.subject, grant.generation, grant.rotated_at, grant.revoked_at).where(
        grant.id == bindparam("grant_"), grant.client == bindparam("client_")
    )
)

#: How often the previous token is accepted in each generation.
MAX_REPEATS = 20
#: After so many generations in a row with a public client's used token from another network, somebody has a copy of it.
#: A phone that changes networks while a response is lost only does so once.
MAX_GENERATIONS_ELSEWHERE = 3
#: After so many generations in a row with a repeated token from anywhere, two programs share one token.
GENERATIONS_IN_TWO_PLACES = 5


class Rotated(NamedTuple):
    """A grant after a rotation: ``generation`` is the one to seal into the next token."""

    subject: str
    scope: str
    resources: ResourceScopes
    #: Whether its user may log in; if not, the grant has ended. External users are asked beforehand.
    user_may_log_in: bool
    subject_epoch: int
    authentication: AuthenticationContext
    generation: int


class RefreshRotation:
    """Rotates the refresh tokens of one database."""

    def __init__(self, database: Database, settings: Settings, audit: Audit, *, judges_users: bool) -> None:
        """``judges_users`` says that users are in our own table, and checked by the statements that rotate."""
        self._database = database
        self._settings = settings
        self._audit = audit
        self._judges_users = judges_users

    def rotate(self, token: RefreshToken, client: Client) -> Rotated | None:
        """Rotate a client's refresh token: only one request with its generation succeeds, with one statement.

        ``None`` means rejected, and that the grant has ended if the token was reused: that is committed before an error
        is raised. Only a token that isn't the current one needs a transaction.
        """
        now, (address, _request_id) = clock.now(), request_origin()
        network = network_of(address)
        presented = {
            "grant_": token.grant,
            "client_": client.id,
            "client_epoch_": client.token_epoch,
            "generation_": token.generation,
            "now": now,
        }
        idle_since = now - self._settings.refresh_token_idle_seconds
        row = self._database.write_one(ROTATE_GRANT, **presented, idle_since=idle_since, network=network)
        if row is None:
            return self._accept_or_end(token, client, presented, network)
        rotated = self._rotated(row, token)
        if not rotated.user_may_log_in:
            self._database.write_one(REVOKE_GRANT, grant_=token.grant, now=now)
        return rotated

    def _accept_or_end(
        self, token: RefreshToken, client: Client, presented: Mapping[str, Any], network: str | None
    ) -> Rotated | None:
        """Accept the previous token within the grace period; end the grant of any older one."""
        grace_seconds = self._settings.refresh_grace_seconds
        grace_since = presented["now"] - grace_seconds if grace_seconds else None
        with self._database.write() as writer:
            row = None
            if grace_since is not None:
                limits = {"grace_since": grace_since, "grace_limit": MAX_REPEATS}
                row = writer.one(REPEAT_ROTATION, **presented, **limits, network=network)
            if row is None:
                _end_if_reused(writer, self._audit, token, client.id, grace_since)
                return None
            return self._repeat(writer, token, client, row)

    def _rotated(self, row: Row, token: RefreshToken) -> Rotated:
        subject, scope, resources, user_may_log_in, epoch, *authentication = row
        is_user_there = epoch is not None and (bool(user_may_log_in) or not self._judges_users)
        context, granted = AuthenticationContext.from_row(*authentication), resource_scopes.from_column(resources)
        return Rotated(subject, scope, granted, is_user_there, epoch, context, token.generation + 1)

    def _repeat(self, writer: Writer, token: RefreshToken, client: Client, row: Row) -> Rotated | None:
        """Record a repeat; end the grant if its user is gone or somebody else seems to have a public client's token."""
        uses, generations, elsewhere, is_elsewhere, *rest = row
        rotated = self._rotated(tuple(rest), token)
        facts = {"actor": client.id, "subject": rotated.subject, "client": client.id}
        detail = {"grant": token.grant, "generation": rotated.generation, "from_another_network": bool(is_elsewhere)}
        if client.is_public and is_elsewhere and elsewhere >= MAX_GENERATIONS_ELSEWHERE:
            writer.run(REVOKE_GRANT, grant_=token.grant, now=clock.now())
            self._audit.add(writer, "refresh_token_reused", REFUSED, **facts, detail=detail)
            return None
        self._audit.add(writer, "refresh_token_repeated", **facts, detail=detail)
        if generations >= GENERATIONS_IN_TWO_PLACES and uses == 1:
            writer.run(MARK_USED_IN_TWO_PLACES, grant_=token.grant, now=clock.now())
        if generations == GENERATIONS_IN_TWO_PLACES and uses == 1:
            self._audit.add(writer, "refresh_token_in_two_places", **facts, detail=detail)
        if not rotated.user_may_log_in:
            writer.run(REVOKE_GRANT, grant_=token.grant, now=clock.now())
        return rotated


def _end_if_reused(writer: Writer, audit: Audit, token: RefreshToken, client: str, grace_since: int | None) -> None:
    """End the grant of a reused token, unless it's only one repeat too many within the grace period."""
    row = writer.one(READ_ROTATION, grant_=token.grant, client_=client)
    if row is None:
        return
    subject, generation, rotated_at, revoked_at = row
    is_repeat = grace_since is not None and generation == token.generation + 1 and rotated_at >= grace_since
    if generation > token.generation and not is_repeat:
        writer.run(REVOKE_GRANT, grant_=token.grant, now=clock.now())
        if revoked_at is None:
            facts = {"actor": client, "subject": subject, "client": client, "detail": {"grant": token.grant}}
            audit.add(writer, "refresh_token_reused", REFUSED, **facts)
