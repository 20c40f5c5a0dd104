"""Ending everything of a user or client: login sessions, codes, grants, and thus all tokens."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.client import OAuth2Client
from ..models.device_code import DeviceCode
from ..models.grant import Grant
from ..models.login_session import LoginSession
from ..models.password_link import PasswordLink
from ..models.subject import Subject


def end_everything(session: Session, subject: str) -> None:
    """End everything of a subject in the caller's transaction; takes effect on every node with the next use."""
    end_all_access(session, [subject])


def end_all_access(session: Session, subjects: Collection[str] | Select[str]) -> None:
    """End everything of subjects, which the caller has locked if they are several.

    The order matters on PostgreSQL. First the epoch: a concurrent login or password grant locks the subject's row until
    it has written, and a later one notices that its password check is outdated. Codes before grants: a concurrent
    redemption locks its code, so that its grant is found afterwards. A device code compares epochs when it is redeemed.
    """
    now = clock.now()
    raised = {"token_epoch": Subject.token_epoch + 1, "signed_out_at": now}
    session.execute(update(Subject).where(Subject.subject.in_(subjects)).values(raised))
    code = OAuth2AuthorizationCode
    session.execute(update(code).where(code.subject.in_(subjects), code.is_waiting(now)).values(used_at=now))
    session.execute(delete(LoginSession).where(LoginSession.subject.in_(subjects)))
    alive = (Grant.subject.in_(subjects), Grant.revoked_at.is_(None))
    session.execute(update(Grant).where(*alive).values(revoked_at=now))


def delete_subject(session: Session, subject: str | None) -> None:
    """Delete a subject and everything that refers to it, in the caller's transaction.

    No index leads to its codes and links. As none is kept for long, their tables are small.
    """
    session.execute(delete(OAuth2AuthorizationCode).where(OAuth2AuthorizationCode.subject == subject))
    session.execute(delete(DeviceCode).where(DeviceCode.subject == subject))
    session.execute(delete(PasswordLink).where(PasswordLink.created_by == subject))
    session.execute(delete(Subject).where(Subject.subject == subject))


def subject_of_user(session: Session, user_id: str) -> str | None:
    """Return the subject of a user in the caller's transaction; ``None`` if there is none."""
    return session.scalar(select(Subject.subject).where(Subject.user_id == user_id))


def end_everything_of_client(session: Session, client: OAuth2Client) -> None:
    """End everything of a client in the caller's transaction; reaches other nodes within a second."""
    now = clock.now()
    client.token_epoch += 1
    session.flush()
    code = OAuth2AuthorizationCode
    session.execute(update(code).where(code.client == client.id, code.is_waiting(now)).values(used_at=now))
    session.execute(delete(DeviceCode).where(DeviceCode.client == client.id))
    alive = (Grant.client == client.id, Grant.revoked_at.is_(None))
    session.execute(update(Grant).where(*alive).values(revoked_at=now))
