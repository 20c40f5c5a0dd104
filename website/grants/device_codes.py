"""Device codes: drawing one with its user code, counting polls, and redeeming it exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import BigInteger, Text, bindparam, case, cast, delete, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from .. import clock
from ..audit import REFUSED, Audit
from ..database import Database, Row, Statement, Writer
from ..database.tables import device_code as code
from ..database.tables import device_codes as codes
from ..database.tables import epoch_of_subject, subject, subjects
from ..identifiers import DEVICE_CODE_PREFIX, hash_secret, new_secret
from ..models.device_code import KEPT_SECONDS, DeviceCode
from ..request_context import request_origin
from ..sessions import AuthenticationContext
from ..sessions.login_sessions import locked_session
from ..users.own_users_in_statements import may_log_in
from . import resource_scopes
from .ending_grants import REVOKE_GRANT
from .resource_scopes import ResourceScopes
from .storage import TokenUser
from .user_codes import draw_user_code
from .waiting_devices import TooManyDevicesError, make_place, site_of

#: How often a user code is drawn again if it is already in use.
MAX_DRAWS = 5
#: A device that polls too often has to wait this much longer, each time (:rfc:`8628#section-3.5`).
SLOW_DOWN_SECONDS, MAX_INTERVAL_SECONDS = 5, 300
#: Nodes' clocks may be a second apart, and all count whole seconds.
_TOLERANCE_SECONDS = 1

_now = bindparam("now", type_=BigInteger)
_is_of_client = code.device_code_hash == bindparam("code_hash_"), code.client == bindparam("client_")
#: As of other codes and of grants; a device's request has no nonce and no claims.
_authentication = code.session, null(), code.auth_time, code.acr, cast(code.amr, Text), null()
#: Counts a poll that comes in time; no row for one that comes too soon, and for a code that is used or unknown.
COUNT_POLL = Statement(
    update(codes)
    .where(
        *_is_of_client,
        code.used_at.is_(None),
        or_(code.polled_at.is_(None), code.polled_at <= _now - code.interval_seconds + _TOLERANCE_SECONDS),
    )
    .values(polled_at=_now)
    .returning(code.subject, code.denied_at, code.expires_at)
)
SLOW_DOWN = Statement(
    update(codes)
    .where(*_is_of_client, code.used_at.is_(None))
    .values(
        polled_at=_now,
        interval_seconds=case(
            (code.interval_seconds > MAX_INTERVAL_SECONDS - SLOW_DOWN_SECONDS, MAX_INTERVAL_SECONDS),
            else_=code.interval_seconds + SLOW_DOWN_SECONDS,
        ),
    )
    .returning(code.interval_seconds)
)
#: The user of an allowed code, and the contents of a token for it.
READ_USER = Statement(
    select(subject.user_id, code.subject, code.scope, *_authentication)
    .join_from(codes, subjects, subject.subject == code.subject)
    .where(*_is_of_client, code.used_at.is_(None))
)
#: Takes a code that was allowed, and judges its user and login session.
CLAIM_CODE = Statement(
    update(codes)
    .where(*_is_of_client, code.used_at.is_(None), code.subject.is_not(None))
    .values(used_at=_now, grant=bindparam("grant_"))
    .returning(
        code.subject, code.scope, cast(code.resources, Text), code.code_challenge, code.code_challenge_method,
        code.expires_at, code.stays_connected, code.subject_epoch, locked_session(code.session),
        may_log_in(code.subject), epoch_of_subject(code.subject), *_authentication,
    )
)  # fmt: skip
REFUSE_CODE = Statement(
    update(codes).where(code.device_code_hash == bindparam("code_hash_")).values({code.grant: None})
)
RELEASE_CODE = Statement(
    update(codes).where(code.device_code_hash == bindparam("code_hash_")).values({code.grant: None, code.used_at: None})
)
READ_USED_CODE = Statement(select(code.grant, code.subject).where(*_is_of_client, code.used_at.is_not(None)))


@dataclass(frozen=True, slots=True)
class Poll:
    """What a device is told that polls for its code."""

    #: Whether the person has allowed it, or denied it.
    is_allowed: bool = False
    is_denied: bool = False
    is_expired: bool = False
    #: Whether it polls too often.
    is_too_soon: bool = False


@dataclass(frozen=True, slots=True)
class AllowedCode:
    """A taken device code, in the order of the statement's columns."""

    subject: str
    scope: str
    resources: ResourceScopes
    code_challenge: str | None
    code_challenge_method: str | None
    expires_at: int
    stays_connected: bool
    #: Whether the login session in which it was allowed hasn't ended.
    is_logged_in: bool
    #: Whether its user may log in, and nothing has ended all of the user's tokens since. External users are asked
    #: beforehand.
    user_may_log_in: bool
    subject_epoch: int
    authentication: AuthenticationContext

    @classmethod
    def from_row(cls, row: Row, judges_users: bool) -> AllowedCode:
        """Create it from the row that ``CLAIM_CODE`` returned."""
        (
            subject, scope, resources, challenge, challenge_method, expires_at, stays_connected, epoch_then, session,
            is_own_user, epoch, *authentication,
        ) = row  # fmt: skip
        return cls(
            *(subject, scope, resource_scopes.from_column(resources), challenge, challenge_method),
            *(expires_at, bool(stays_connected)),
            is_logged_in=session is not None,
            user_may_log_in=epoch is not None and epoch == epoch_then and (bool(is_own_user) or not judges_users),
            subject_epoch=epoch,
            authentication=AuthenticationContext.from_row(*authentication),
        )


class DeviceCodes:
    """The device codes of one database, for devices. :mod:`.device_approvals` is for the people."""

    def __init__(self, database: Database, audit: Audit, *, judges_users: bool) -> None:
        """``judges_users`` says that users are in our own table, and checked when a code is taken."""
        self._database = database
        self._audit = audit
        self._judges_users = judges_users

    def draw(
        self,
        *,
        client: str,
        scope: str,
        resources: ResourceScopes,
        bonds: Mapping[str, str | None],
        lifetime_seconds: int,
        interval_seconds: int,
    ) -> tuple[str, str]:
        """Create and store a device code and its user code; return both.

        ``bonds`` are columns, such as those of PKCE. Raises :class:`TooManyDevicesError`.
        """
        device_code, now, address = new_secret(DEVICE_CODE_PREFIX), clock.now(), request_origin()[0]
        network = site_of(address)
        with self._database.writing() as session:
            # Each insert deletes the rows that are over, so that the table never has more than some minutes of them.
            session.execute(delete(DeviceCode).where(DeviceCode.expires_at <= now - KEPT_SECONDS))
            make_place(session, client, network, now)
            for _ in range(MAX_DRAWS):
                user_code = draw_user_code()
                row = insert(DeviceCode).values(
                    device_code_hash=hash_secret(device_code),
                    user_code_hash=hash_secret(user_code),
                    client=client,
                    scope=scope,
                    resources=dict(resources) or null(),
                    **bonds,
                    address=address and address[:45],
                    network=network,
                    interval_seconds=interval_seconds,
                    created_at=now,
                    expires_at=now + lifetime_seconds,
                )
                is_free = row.on_conflict_do_nothing(index_elements=["user_code_hash"]).returning(code.client)
                if session.execute(is_free).first() is not None:
                    return device_code, user_code
        raise TooManyDevicesError

    def poll(self, code_hash: str, client: str) -> Poll | None:
        """Count a poll of this client; return what comes of it, ``None`` for a code that is used or unknown."""
        whose, now = {"code_hash_": code_hash, "client_": client}, clock.now()
        row = self._database.write_one(COUNT_POLL, **whose, now=now)
        if row is not None:
            subject, denied_at, expires_at = row
            return Poll(subject is not None, is_denied=denied_at is not None, is_expired=expires_at <= now)
        row = self._database.write_one(SLOW_DOWN, **whose, now=now)
        return None if row is None else Poll(is_too_soon=True)

    def find_user(self, code_hash: str, client: str) -> TokenUser | None:
        """Return the user of an allowed code of this client, without taking it."""
        row = self._database.one(READ_USER, code_hash_=code_hash, client_=client)
        return None if row is None else TokenUser.from_row(row)

    def claim(self, writer: Writer, code_hash: str, client: str, grant_id: str | None) -> AllowedCode | None:
        """Take an allowed code of this client in the caller's transaction, for the grant written with it."""
        row = writer.one(CLAIM_CODE, code_hash_=code_hash, client_=client, grant_=grant_id, now=clock.now())
        return None if row is None else AllowedCode.from_row(row, self._judges_users)

    def burn(self, code_hash: str, client: str) -> None:
        """Use up an allowed code of this client without a grant."""
        self._database.write_one(CLAIM_CODE, code_hash_=code_hash, client_=client, grant_=None, now=clock.now())

    def refuse(self, writer: Writer, code_hash: str) -> None:
        """Record in the caller's transaction that a taken code was rejected after all."""
        writer.run(REFUSE_CODE, code_hash_=code_hash)

    def release(self, writer: Writer, code_hash: str) -> None:
        """Leave a code that was taken in the caller's transaction unused after all: nobody else has seen it taken."""
        writer.run(RELEASE_CODE, code_hash_=code_hash)

    def end_grant_of_used(self, code_hash: str, client: str) -> None:
        """End the grant of a code that is redeemed a second time, as somebody else has it too."""
        with self._database.write() as writer:
            row = writer.one(READ_USED_CODE, code_hash_=code_hash, client_=client)
            if row is None or row[0] is None:
                return
            grant_id, subject = row
            if writer.run(REVOKE_GRANT, grant_=grant_id, now=clock.now()):
                facts = {"actor": client, "subject": subject, "client": client, "detail": {"grant": grant_id}}
                self._audit.add(writer, "device_code_replayed", REFUSED, **facts)
