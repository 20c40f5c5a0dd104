"""Owns ending everything that a user or a client holds: sessions, codes, grants, and with them every token."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.client import OAuth2Client
from ..models.grant import Grant
from ..models.login_session import LoginSession
from ..models.subject import Subject


def end_everything(session: Session, subject: str) -> None:
    """End what a subject holds, in the caller's transaction: dead on every node from its next use on.

    The order matters on PostgreSQL. The epoch first: a login or password grant under way holds the subject's row until
    it has written, and one that comes later sees that its password was checked too early. Codes before grants: a
    redemption under way holds its code, and what it writes is there when the grants are looked for.
    """
    now = clock.now()
    raised = {"token_epoch": Subject.token_epoch + 1, "signed_out_at": now}
    session.execute(update(Subject).where(Subject.subject == subject).values(raised))
    code = OAuth2AuthorizationCode
    session.execute(update(code).where(code.subject == subject, code.used_at.is_(None)).values(used_at=now))
    session.execute(delete(LoginSession).where(LoginSession.subject == subject))
    session.execute(update(Grant).where(Grant.subject == subject, Grant.revoked_at.is_(None)).values(revoked_at=now))


def subject_of_user(session: Session, user_id: str) -> str | None:
    """Return the subject of a user, in the caller's transaction; ``None`` where it never had one."""
    return session.scalar(select(Subject.subject).where(Subject.user_id == user_id))


def end_everything_of_client(session: Session, client: OAuth2Client) -> None:
    """End what a client holds, in the caller's transaction; other nodes know the client at most a second longer."""
    now = clock.now()
    client.token_epoch += 1
    session.flush()
    code = OAuth2AuthorizationCode
    session.execute(update(code).where(code.client == client.id, code.used_at.is_(None)).values(used_at=now))
    alive = (Grant.client == client.id, Grant.revoked_at.is_(None))
    session.execute(update(Grant).where(*alive).values(revoked_at=now))
