"""Rotation of refresh tokens: which one is taken, which one is answered again, and which one ends its grant.

Two requests of one client may carry the same refresh token, and an answer can be lost on its way: the token just before
the current one is answered for some seconds more, with the current generation, so that there are never two branches
(RFC 9700, section 4.14.2).
"""

from __future__ import annotations

from dataclasses import dataclass

from . import clock
from .audit import REFUSED, Audit
from .authentication import Authentication
from .database import Row, Writer
from .login_throttle import network_of
from .request_context import request_origin
from .settings import Settings
from .statements.grants import (
    MARK_USED_IN_TWO_PLACES,
    READ_ROTATION,
    REPEAT_ROTATION,
    REVOKE_GRANT,
    ROTATE_GRANT,
)
from .tokens import RefreshToken

#: How often the token just before the current one is answered, in each generation.
MAX_REPEATS = 20
#: So many generations running in which a public client's spent token came from another network: somebody follows it.
#: A phone that changes networks while an answer is lost does so once.
MAX_GENERATIONS_ELSEWHERE = 3
#: So many generations running in which the spent token came again, from anywhere: two programs share one token.
GENERATIONS_IN_TWO_PLACES = 5


@dataclass(frozen=True, slots=True)
class Rotated:
    """A grant after its refresh token was taken: ``generation`` is the one to seal into the next."""

    subject: str
    scope: str
    user_id: str | None
    subject_epoch: int
    authentication: Authentication
    generation: int


def rotate(
    writer: Writer, settings: Settings, audit: Audit, token: RefreshToken, client: str, is_public: bool
) -> Rotated | None:
    """Take a refresh token in the caller's transaction: of all who have this generation, one rotates it.

    ``None`` refuses, and may have ended the grant: the caller commits before it says so.
    """
    present, (address, _request_id) = clock.now(), request_origin()
    network = network_of(address)
    presented = {"grant_": token.grant, "client_": client, "generation_": token.generation, "now": present}
    row = writer.one(
        ROTATE_GRANT, **presented, idle_since=present - settings.refresh_token_idle_seconds, network=network
    )
    if row is not None:
        return _rotated(row, token)
    grace_since = present - settings.refresh_grace_seconds
    if settings.refresh_grace_seconds:
        limits = {"grace_since": grace_since, "grace_limit": MAX_REPEATS}
        row = writer.one(REPEAT_ROTATION, **presented, **limits, network=network)
    if row is None:
        _end_if_reused(writer, audit, token, client, grace_since if settings.refresh_grace_seconds else None)
        return None
    return _repeat(writer, audit, token, client, is_public, row)


def _rotated(row: Row, token: RefreshToken) -> Rotated:
    subject, scope, user_id, epoch, *authentication = row
    return Rotated(subject, scope, user_id, epoch, Authentication.from_row(*authentication), token.generation + 1)


def _repeat(
    writer: Writer, audit: Audit, token: RefreshToken, client: str, is_public: bool, row: Row
) -> Rotated | None:
    """Tell of a repeat, and end the grant of a public client that somebody follows."""
    uses, generations, elsewhere, is_elsewhere, *rest = row
    rotated = _rotated(tuple(rest), token)
    facts = {"actor": client, "subject": rotated.subject, "client": client}
    detail = {"grant": token.grant, "generation": rotated.generation, "from_another_network": bool(is_elsewhere)}
    if is_public and is_elsewhere and elsewhere >= MAX_GENERATIONS_ELSEWHERE:
        writer.run(REVOKE_GRANT, grant_=token.grant, now=clock.now())
        audit.add(writer, "refresh_token_reused", REFUSED, **facts, detail=detail)
        return None
    audit.add(writer, "refresh_token_repeated", **facts, detail=detail)
    if generations >= GENERATIONS_IN_TWO_PLACES and uses == 1:
        writer.run(MARK_USED_IN_TWO_PLACES, grant_=token.grant, now=clock.now())
    if generations == GENERATIONS_IN_TWO_PLACES and uses == 1:
        audit.add(writer, "refresh_token_in_two_places", **facts, detail=detail)
    return rotated


def _end_if_reused(writer: Writer, audit: Audit, token: RefreshToken, client: str, grace_since: int | None) -> None:
    """End the grant of a spent token; but one repeat too many within the grace window is no theft."""
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
