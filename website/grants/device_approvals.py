"""Devices as people see them: entering a user code, and allowing or denying the device that shows it, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, cast, exists, or_, select, update

from .. import clock
from ..audit import REFUSED, Audit
from ..database import Database, Statement, Writer
from ..database.tables import device_code as code
from ..database.tables import device_codes as codes
from ..database.tables import session, subject
from ..identifiers import hash_secret
from ..sessions import CurrentLoginSession, LoginSessions
from ..sessions.authentication_context import write_amr
from . import resource_scopes
from .resource_scopes import ResourceScopes
from .user_code_guesses import EVERYBODY, count_guess, take_back_guess

_now = bindparam("now", type_=BigInteger)
_is_waiting = (
    code.user_code_hash == bindparam("user_code_hash_"),
    code.subject.is_(None),
    code.denied_at.is_(None),
    code.expires_at > _now,
)
_is_of_session = code.session == bindparam("session_")
#: Binds a waiting device to the login session that entered its code, unless another one did that and still exists.
BIND_DEVICE = Statement(
    update(codes)
    .where(
        *_is_waiting,
        or_(code.session.is_(None), _is_of_session, ~exists().where(session.id == code.session)),
    )
    .values(session=bindparam("session_"))
    .returning(code.client)
)
READ_DEVICE = Statement(
    select(
        code.client, code.scope, cast(code.resources, Text), code.address, code.created_at, code.expires_at,
        code.subject, code.denied_at,
    ).where(code.user_code_hash == bindparam("user_code_hash_"), _is_of_session)
)  # fmt: skip
ALLOW_DEVICE = Statement(
    update(codes)
    .where(*_is_waiting, _is_of_session)
    .values(
        subject=bindparam("subject_"),
        subject_epoch=select(subject.token_epoch).where(subject.subject == bindparam("subject_")).scalar_subquery(),
        auth_time=bindparam("auth_time_"),
        acr=bindparam("acr_"),
        amr=bindparam("amr_"),
        stays_connected=bindparam("stays_connected_"),
    )
    .returning(code.client, code.address)
)
DENY_DEVICE = Statement(
    update(codes).where(*_is_waiting, _is_of_session).values(denied_at=_now).returning(code.client, code.address)
)


class TooManyGuessesError(Exception):
    """Too many wrong user codes were entered recently, so this one wasn't looked up."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device whose user code was entered in a login session."""

    #: The id of its client's row.
    client: str
    scope: str
    resources: ResourceScopes
    address: str | None
    created_at: int
    expires_at: int
    is_allowed: bool
    is_denied: bool

    @property
    def is_waiting(self) -> bool:
        return not self.is_allowed and not self.is_denied and self.expires_at > clock.now()


class DeviceApprovals:
    """The devices of one database that wait for people."""

    def __init__(self, database: Database, sessions: LoginSessions, audit: Audit) -> None:
        self._database = database
        self._sessions = sessions
        self._audit = audit

    def enter(self, user_code: str, login: CurrentLoginSession, network: str) -> bool:
        """Bind the waiting device with this user code to a login session; tell whether there is one.

        ``network`` is what wrong codes of an address are counted by. Raises :class:`TooManyGuessesError`.
        """
        whose = {"user_code_hash_": hash_secret(user_code), "session_": login.session}
        if self._database.one(READ_DEVICE, **whose) is not None:
            return True  # entered before, in this session: no guess
        with self._database.write() as writer:
            reached = count_guess(writer, network, login.subject)
            is_found = reached is not None and writer.one(BIND_DEVICE, **whose, now=clock.now()) is not None
            if is_found:
                take_back_guess(writer, network, login.subject)
            elif reached:
                self._report(writer, login, reached)
        # Raised after the commit.
        if reached is None:
            raise TooManyGuessesError
        return is_found

    def _report(self, writer: Writer, login: CurrentLoginSession, reached: list[str]) -> None:
        detail = {"everybody": True} if EVERYBODY in reached else None
        self._audit.add(writer, "user_codes_throttled", REFUSED, subject=login.subject, detail=detail)

    def find(self, user_code: str, login: CurrentLoginSession) -> Device | None:
        """Return the device whose user code was entered in this login session."""
        row = self._database.one(READ_DEVICE, user_code_hash_=hash_secret(user_code), session_=login.session)
        if row is None:
            return None
        client, scope, resources, address, created_at, expires_at, allowed_by, denied_at = row
        shown = client, scope, resource_scopes.from_column(resources), address, created_at, expires_at
        return Device(*shown, allowed_by is not None, denied_at is not None)

    def allow(
        self, user_code: str, login: CurrentLoginSession, *, stays_connected: bool, detail: Mapping[str, Any]
    ) -> bool:
        """Let a device have access to the account of this login, once; false if it no longer waits for it.

        ``detail`` is what the event tells about the request.
        """
        with self._database.write() as writer:
            if not self._sessions.lock(writer, login.session):
                return False
            row = writer.one(
                ALLOW_DEVICE,
                user_code_hash_=hash_secret(user_code),
                session_=login.session,
                now=clock.now(),
                subject_=login.subject,
                auth_time_=login.auth_time,
                acr_=login.acr,
                amr_=write_amr(login.amr),
                stays_connected_=stays_connected,
            )
            return self._record(writer, "device_allowed", login, row, detail)

    def deny(self, user_code: str, login: CurrentLoginSession, *, detail: Mapping[str, Any]) -> bool:
        """Deny a device access, once; false if it no longer waits for this login."""
        with self._database.write() as writer:
            whose = {"user_code_hash_": hash_secret(user_code), "session_": login.session}
            row = writer.one(DENY_DEVICE, **whose, now=clock.now())
            return self._record(writer, "device_denied", login, row, detail)

    def _record(
        self,
        writer: Writer,
        event: str,
        login: CurrentLoginSession,
        row: tuple[str, ...] | None,
        detail: Mapping[str, Any],
    ) -> bool:
        if row is None:
            return False
        client, address = row
        told = {**detail, "device_address": address}
        self._audit.add(writer, event, subject=login.subject, client=client, detail=told)
        return True
