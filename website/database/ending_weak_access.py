"""Ending what was given for less than two factors: login sessions, codes and grants."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Select, and_, delete, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from .. import clock
from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.device_code import DeviceCode
from ..models.grant import Grant
from ..models.login_session import LoginSession
from ..models.subject import Subject

#: The classes of ``sessions/assurance.py`` that have two factors, or a passkey that verified its user.
TWO_FACTOR_CLASSES = ("2", "phr")


def is_weak(acr: Column[Any] | InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Return the condition for a class below two factors, or an unknown one."""
    return or_(acr.is_(None), and_(*(acr != name for name in TWO_FACTOR_CLASSES)))


def find_weak_access(session: Session, subjects: Select[str]) -> set[str]:
    """Return those of the subjects that have a login session, code or grant below two factors."""
    code, device = OAuth2AuthorizationCode, DeviceCode
    now, found = clock.now(), set[str | None]()
    for mine in (
        select(LoginSession.subject).where(LoginSession.subject.in_(subjects), is_weak(LoginSession.acr)),
        select(code.subject).where(code.subject.in_(subjects), code.is_waiting(now), is_weak(code.acr)),
        select(device.subject).where(device.subject.in_(subjects), is_weak(device.acr)),
        select(Grant.subject).where(Grant.subject.in_(subjects), Grant.revoked_at.is_(None), is_weak(Grant.acr)),
    ):
        found |= {*session.scalars(mine)}
    return {subject for subject in found if subject is not None}


def lock_subjects(session: Session, subjects: Select[str]) -> None:
    """Lock subjects until the transaction ends: logins under way wait, and then see what it has changed."""
    locked = select(Subject.subject).where(Subject.subject.in_(subjects)).order_by(Subject.subject)
    session.execute(locked.with_for_update()).all()


def end_weak_sessions(session: Session, subjects: Select[str], kept: str | None = None) -> None:
    """End the login sessions of subjects below two factors, apart from ``kept``, and all grants that end with them.

    The caller has locked the subjects, in the same transaction.
    """
    weak = LoginSession.subject.in_(subjects), is_weak(LoginSession.acr)
    session.execute(delete(LoginSession).where(*weak, LoginSession.id != (kept or "")))


def end_weak_devices(session: Session, subjects: Select[str]) -> None:
    """End the device codes that subjects have approved below two factors. The caller has locked the subjects."""
    session.execute(delete(DeviceCode).where(DeviceCode.subject.in_(subjects), is_weak(DeviceCode.acr)))


def end_weak_access(session: Session, subjects: Select[str]) -> None:
    """End the login sessions, codes and grants of subjects below two factors, and thus their tokens.

    The caller has locked the subjects, in the same transaction. Codes before grants: a redemption under way locks its
    code, so that its grant is found afterwards.
    """
    now, code = clock.now(), OAuth2AuthorizationCode
    waiting = code.subject.in_(subjects), code.is_waiting(now), is_weak(code.acr)
    session.execute(update(code).where(*waiting).values(used_at=now))
    end_weak_devices(session, subjects)
    end_weak_sessions(session, subjects)
    alive = Grant.subject.in_(subjects), Grant.revoked_at.is_(None), is_weak(Grant.acr)
    session.execute(update(Grant).where(*alive).values(revoked_at=now))
