"""The export of an account: all stored data about a person."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..audit import Audit
from ..database import Database
from ..models.base import Base
from ..models.client import OAuth2Client
from ..models.client_session import ClientSession
from ..models.consent import Consent
from ..models.device_code import DeviceCode
from ..models.email_link import EmailLink
from ..models.event import Event
from ..models.grant import Grant
from ..models.group import Group, Membership
from ..models.invitation import Invitation
from ..models.login_session import LoginSession
from ..models.mail_message import MailMessage
from ..models.pairwise_subject import PairwiseSubject
from ..models.passkey import Passkey
from ..models.password_link import PasswordLink
from ..models.recovery_code import RecoveryCode
from ..models.resource import OAuth2Resource
from ..models.role import UserRole
from ..models.subject import Subject
from ..models.totp_secret import TotpSecret
from ..models.user import User
from ..standard_claims import CLAIMS, VERIFIED
from .login_names import login_keys

#: Columns with secrets, and internal ones without information for the person.
_LEFT_OUT = {
    "password_hash", "token_hash", "registration_token_hash", "username_key", "email_key", "token_epoch",
    "owner_subject", "subject", "device_code_hash", "user_code_hash", "code_challenge", "code_challenge_method",
    "subject_epoch", "client_epoch", "credential_id", "public_key", "user_handle", "sign_count",
    "encrypted_secret", "last_step", "code_hash", "created_by",
}  # fmt: skip

#: The parts whose rows have a client.
NAMING_CLIENTS = ("consents", "grants", "device_codes", "known_at_clients", "events")


def export_account(database: Database, audit: Audit, user: User) -> dict[str, Any]:
    """Return all stored data about a user, and record the export. Times are seconds since the epoch, UTC."""
    with database.reading() as session:
        subject = session.scalar(select(Subject.subject).where(Subject.user_id == str(user.id)))

        if subject is None:
            subject = ""  # matches nobody, while NULL could match everybody

        def rows(row_ids: Select[Any]) -> list[dict[str, Any]]:
            return [_columns(row) for row in session.scalars(row_ids)]

        exported = {
            "user": {
                "id": user.id,
                "username": user.username,
                "is_operator": user.is_operator,
                "requires_factor": user.requires_factor,
                "asks_second_factor": user.asks_second_factor,
                "password_change_required": user.password_change_required,
                "created_at": user.created_at,
                "updated_at": user.updated_at,
                **{name: getattr(user, name) for name in (*CLAIMS, *VERIFIED.values())},
                "terms_accepted_at": user.terms_accepted_at,
                "passkeys_declined_at": user.passkeys_declined_at,
                "preferred_username_assigned": user.preferred_username_assigned,
                "logs_in_by": sorted(login_keys(user)),
            },
            "groups": [row._asdict() for row in session.execute(_groups(user))],
            "passkeys": rows(select(Passkey).where(Passkey.user_id == user.id)),
            "roles": [*session.scalars(select(UserRole.role).where(UserRole.user_id == user.id))],
            "password_links": rows(select(PasswordLink).where(PasswordLink.user_id == user.id)),
            "email_links": rows(select(EmailLink).where(EmailLink.user_id == user.id)),
            "authenticator_apps": rows(select(TotpSecret).where(TotpSecret.user_id == user.id)),
            "recovery_codes": rows(select(RecoveryCode).where(RecoveryCode.user_id == user.id)),
            "mail_messages": rows(select(MailMessage).where(MailMessage.user_id == user.id)),
            "subject": subject or None,
            "sessions": rows(select(LoginSession).where(LoginSession.subject == subject)),
            "consents": rows(select(Consent).where(Consent.subject == subject)),
            "grants": rows(select(Grant).where(Grant.subject == subject)),
            "device_codes": rows(select(DeviceCode).where(DeviceCode.subject == subject)),
            "pairwise_subjects": rows(select(PairwiseSubject).where(PairwiseSubject.subject == subject)),
            "known_at_clients": rows(select(ClientSession).join(LoginSession).where(LoginSession.subject == subject)),
            "invitations": rows(select(Invitation).where(Invitation.created_by == subject)),
            "clients": rows(select(OAuth2Client).where(OAuth2Client.owner_subject == subject)),
            "events": rows(select(Event).where(Event.subject == subject).order_by(Event.id)),
        }
        _name_clients(session, exported)
        _name_resources(session, exported)
    audit.record("account_exported", subject=subject or None, detail={"user": user.id})
    return exported


def _name_clients(session: Session, exported: dict[str, Any]) -> None:
    """Replace the ids of clients' rows, which are internal, with client_ids."""
    rows_of_clients = [row for name in NAMING_CLIENTS for row in exported[name]]
    row_ids = {row["client"] for row in rows_of_clients if row["client"]}
    client = OAuth2Client
    clients = session.execute(select(client.id, client.client_id).where(client.id.in_(row_ids)))
    client_ids = {row.id: row.client_id for row in clients}
    for row in rows_of_clients:
        client_id = (row.get("detail") or {}).get("client_id")  # a deleted client's event has it
        row["client"] = client_ids.get(row["client"], client_id or row["client"])
    for row in exported["clients"]:
        del row["id"]


def _name_resources(session: Session, exported: dict[str, Any]) -> None:
    """Replace the ids of APIs' rows with their identifiers; a deleted API keeps its id."""
    identifiers = {
        row.id: row.identifier for row in session.execute(select(OAuth2Resource.id, OAuth2Resource.identifier))
    }
    for row in (*exported["consents"], *exported["grants"]):
        named = {identifiers.get(key, key): scope for key, scope in (row["resources"] or {}).items()}
        row["resources"] = named or None


def _groups(user: User) -> Select[str, str, int]:
    query = select(Group.name, Group.label, Membership.added_at).join(Membership, Membership.group_id == Group.id)
    return query.where(Membership.user_id == user.id).order_by(Group.name_key)


def _columns(row: Base) -> dict[str, Any]:
    names = [column.key for column in row.__table__.columns if column.key not in _LEFT_OUT]
    return {name: getattr(row, name) for name in names}
