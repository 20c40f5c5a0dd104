"""Owns pruning: which rows have run out, and deleting them in batches between which others can write.

A row that is dead is refused whether it is there or not; pruning only keeps the database small. So every condition
errs on the side of keeping.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from sqlalchemy import ColumnElement, Table, and_, delete, func, or_, select
from sqlalchemy.orm import Session

from .. import clock
from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.authorization_request import AuthorizationRequest
from ..models.base import Base
from ..models.client import OAuth2Client, OAuth2ClientSecret
from ..models.client_session import ClientSession
from ..models.consent import Consent
from ..models.event import Event
from ..models.former_key import FormerKey
from ..models.grant import Grant
from ..models.initial_access_token import InitialAccessToken
from ..models.key import Key
from ..models.login_session import LoginSession
from ..models.login_throttle import LoginThrottle
from ..models.password_link import PasswordLink
from ..models.revoked_token import RevokedToken
from ..models.used_jti import UsedJti
from ..settings import Settings
from . import lasting_connections
from .connection import Database
from .former_keys import copy_former_keys

#: Nodes' clocks may differ by this much: what ran out less long ago is kept.
SKEW_SECONDS = 60
#: A used code tells a replay from nonsense: kept long past its minute, for whoever comes back with a stolen one. After
#: a day its grant can still be revoked by hand, and a replay still gets nothing.
REPLAY_SECONDS = 86400
#: A revoked grant is as dead as a missing one; the row is kept for an operator who asks what happened.
REVOKED_SECONDS = 86400
#: Between two batches, so that a writer that waits gets its turn.
PAUSE_SECONDS = 0.01
Condition = Callable[[int, Settings], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Rule:
    """Which rows of a table have run out."""

    model: type[Base]
    condition: Condition
    #: Keeps what outlives the rows; called in a transaction before they are deleted, with the moment.
    before: Callable[[Session, int], None] | None = None

    @property
    def table(self) -> Table:
        return cast(Table, self.model.__table__)


def _grants(past: int, settings: Settings) -> ColumnElement[bool]:
    return or_(
        Grant.expires_at < past,
        Grant.revoked_at < past - REVOKED_SECONDS,
        # Too long unused to be refreshed, and its last access token has expired too.
        Grant.rotated_at < past - settings.refresh_token_idle_seconds - settings.longest_access_token_seconds,
    )


#: In this order: what hangs on others goes before them.
RULES = (
    Rule(AuthorizationRequest, lambda past, _settings: AuthorizationRequest.expires_at < past),
    Rule(OAuth2AuthorizationCode, lambda past, _settings: OAuth2AuthorizationCode.expires_at < past - REPLAY_SECONDS),
    Rule(Grant, _grants),
    Rule(Consent, lambda past, _settings: Consent.expires_at < past),
    Rule(RevokedToken, lambda past, _settings: RevokedToken.expires_at < past),
    Rule(UsedJti, lambda past, _settings: UsedJti.expires_at < past),
    Rule(InitialAccessToken, lambda past, _settings: InitialAccessToken.expires_at < past),
    Rule(OAuth2Client, lambda past, _settings: OAuth2Client.unused_until < past),
    Rule(
        LoginSession,
        lambda past, settings: or_(
            LoginSession.expires_at < past,
            and_(
                LoginSession.last_seen_at < past - settings.session_idle_seconds,
                ~lasting_connections.is_needed(past, settings),
            ),
        ),
    ),
    Rule(ClientSession, lambda past, _settings: ClientSession.expires_at < past),
    Rule(LoginThrottle, lambda past, _settings: LoginThrottle.expires_at < past),
    Rule(PasswordLink, lambda past, _settings: PasswordLink.expires_at < past),
    Rule(OAuth2ClientSecret, lambda past, _settings: OAuth2ClientSecret.expires_at < past),
    Rule(Key, lambda past, _settings: and_(Key.state == "retired", Key.expires_at < past), copy_former_keys),
    Rule(FormerKey, lambda past, settings: FormerKey.withdrawn_at < past - settings.session_seconds),
    Rule(Event, lambda past, settings: Event.occurred_at < past - settings.event_seconds),
)


class Pruning:
    """The rows of one database that have run out, as seen at one moment."""

    def __init__(self, database: Database, settings: Settings, batch: int = 1000) -> None:
        self._database = database
        self._settings = settings
        self._batch = batch
        self._past = clock.now() - SKEW_SECONDS

    def count(self, rule: Rule) -> int:
        """Return how many rows of a table have run out."""
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(rule.table).where(self._condition(rule))) or 0

    def delete(self, rule: Rule) -> Iterator[int]:
        """Delete them, each batch in a transaction of its own; yield how many each one deleted."""
        if rule.before is not None:
            with self._database.writing() as session:
                rule.before(session, self._past)
        key = next(iter(rule.table.primary_key))
        chosen = select(key).where(self._condition(rule)).limit(self._batch)
        while True:
            with self._database.writing() as session:
                deleted = cast(int, session.execute(delete(rule.table).where(key.in_(chosen))).rowcount)  # type: ignore[attr-defined]
            if deleted:
                yield deleted
            if deleted < self._batch:
                return
            time.sleep(PAUSE_SECONDS)

    def _condition(self, rule: Rule) -> ColumnElement[bool]:
        return rule.condition(self._past, self._settings)
