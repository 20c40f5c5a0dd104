"""The end of invitations: of people who may no longer invite, and into groups that get a role."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from ..audit import Audit
from ..models.invitation import Invitation, InvitedGroup


def end_invitations_of(session: Session, audit: Audit, subject: str | None, by: str | None = None) -> None:
    """End the invitations that somebody created, in the transaction in which they stop being an operator.

    ``by`` is the subject of the operator who does it on a page.
    """
    if subject is not None:  # which would be that of commands
        _end(session, audit, Invitation.created_by == subject, by)


def end_invitations_into(session: Session, audit: Audit, group_id: str, by: str | None = None) -> None:
    """End the invitations into a group, in the transaction that has locked it to give it a role.

    They were created for less, and perhaps without a login of the last minutes.
    """
    into_group = select(InvitedGroup.invitation_id).where(InvitedGroup.group_id == group_id)
    _end(session, audit, Invitation.id.in_(into_group), by)


def _end(session: Session, audit: Audit, which: ColumnElement[bool], by: str | None) -> None:
    gone = delete(Invitation).where(which).returning(Invitation.id, Invitation.note)
    for row in session.execute(gone).all():
        audit.add(session, "invitation_revoked", actor=by, detail={"invitation": row.id, "note": row.note})
