"""The end of invitations and of links for others: their makers may no longer make them, or a group gives more."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Select, delete, select
from sqlalchemy.orm import Session

from ..audit import Audit
from ..models.invitation import Invitation, InvitedGroup
from ..models.password_link import PasswordLink


def end_links_of_maker(session: Session, audit: Audit, subject: str | None, by: str | None = None) -> None:
    """End the invitations and password links that somebody made, in the transaction in which they no longer may.

    ``by`` is the subject of the operator who does it on a page.
    """
    if subject is not None:  # which would be that of commands
        _end(session, audit, Invitation.created_by == subject, by)
        end_password_links_of_makers(session, [subject])


def end_password_links_of_makers(session: Session, subjects: Collection[str] | Select[str]) -> None:
    """End the links for a password that people made for others, in the transaction in which they no longer may."""
    session.execute(delete(PasswordLink).where(PasswordLink.created_by.in_(subjects)))


def end_invitations_into(session: Session, audit: Audit, group_id: str, by: str | None = None) -> None:
    """End the invitations into a group, in the transaction that has locked it to have it give more.

    They were created for less, and perhaps without a login of the last minutes.
    """
    into_group = select(InvitedGroup.invitation_id).where(InvitedGroup.group_id == group_id)
    _end(session, audit, Invitation.id.in_(into_group), by)


def _end(session: Session, audit: Audit, which: ColumnElement[bool], by: str | None) -> None:
    gone = delete(Invitation).where(which).returning(Invitation.id, Invitation.note)
    for row in session.execute(gone).all():
        audit.add(session, "invitation_revoked", actor=by, detail={"invitation": row.id, "note": row.note})
