"""Invitations: links with which people create their own accounts, handed over or sent by email.

``newcomers.py`` uses one up for each account.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from .. import clock
from ..access.given_by_groups import gives_anything
from ..access.group_changes import MAX_GROUPS_OF_ACCOUNT, hold_groups
from ..access.group_names import GroupError
from ..access.roles import RoleError
from ..audit import Audit
from ..database import Database
from ..identifiers import INVITATION_PREFIX, hash_secret, new_identifier, new_secret
from ..mail import Mail, QueuedMail
from ..models.group import Group
from ..models.invitation import Invitation, InvitedGroup
from ..models.role import GroupRole
from ..models.subject import Subject
from ..models.user import User
from ..settings import OPEN_TO_ALL, Settings
from ..standard_claims import check_address
from ..translatable import N_
from ..users.ending_links import BY_MAIL

KIND, PATH = "invitation", "/join"
MAX_NOTE_CHARACTERS, MAX_TOKEN_CHARACTERS = 200, 100
MAX_USES, MAX_DAYS = 1000, 90
DAYS, DAY_SECONDS = 7, 86400
MAX_LISTED = 1000
_is_own = Subject.user_id == User.id.cast(Subject.user_id.type)


@dataclass(frozen=True, slots=True)
class ListedInvitation:
    """An invitation, the names of its groups, the roles of those, and the username of who created it on a page."""

    row: Invitation
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    maker: str | None


class Invitations:
    """The invitations of one database. ``by`` is the subject of a person on a page, ``None`` for a command."""

    def __init__(self, database: Database, settings: Settings, audit: Audit, mail: Mail) -> None:
        self._database = database
        self._issuer = settings.issuer
        self._includes_sign_ups = settings.joining == OPEN_TO_ALL
        self._audit = audit
        self._mail = mail
        mail.register_preparation(KIND, self._prepare)

    def create(
        self,
        note: str,
        *,
        uses: int = 1,
        seconds: int = DAYS * DAY_SECONDS,
        group_ids: Collection[str] = (),
        by: str | None = None,
    ) -> tuple[Invitation, str]:
        """Create an invitation for ``uses`` people; return its row and the token of its link, which isn't stored."""
        token = new_secret(INVITATION_PREFIX)
        with self._database.writing() as session:
            row = self.add(session, note, hash_secret(token), None, uses, seconds, group_ids, by)
        return row, token

    def send(
        self,
        note: str,
        address: str,
        *,
        seconds: int = DAYS * DAY_SECONDS,
        group_ids: Collection[str] = (),
        by: str | None = None,
    ) -> Invitation:
        """Invite one person by an email with a link. Raises ``ClaimsError`` for a malformed address."""
        email = check_address(address)
        with self._database.writing() as session:
            row = self.add(session, note, None, email, 1, seconds, group_ids, by)
            self._mail.add(session, KIND, None, address=email, invitation=row.id)
        return row

    def find(self, token: str) -> Invitation | None:
        """Return the invitation of a link that works, without using it up."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            return None
        with self._database.reading() as session:
            return session.scalar(select(Invitation).where(Invitation.token_hash == hash_secret(token), self.usable()))

    def list_live(self) -> list[ListedInvitation]:
        """Return the invitations that work, and those whose email is still to be sent, latest first."""
        query = (
            select(Invitation)
            .where(self.usable(), Invitation.note != "")
            .order_by(Invitation.created_at.desc(), Invitation.id)
        )
        group = InvitedGroup.group_id
        names = select(InvitedGroup.invitation_id, Group.name).join(Group, Group.id == group)
        roles = select(InvitedGroup.invitation_id, GroupRole.role).join(GroupRole, GroupRole.group_id == group)
        makers = select(Subject.subject, User.username).join(User, _is_own)
        with self._database.reading() as session:
            rows = [*session.scalars(query.limit(MAX_LISTED))]
            listed = InvitedGroup.invitation_id.in_([row.id for row in rows])
            named = _by_invitation(session.execute(names.where(listed)))
            roled = _by_invitation(session.execute(roles.where(listed)))
            makers = makers.where(Subject.subject.in_([row.created_by for row in rows if row.created_by]))
            made = dict(session.execute(makers).all())
        return [
            ListedInvitation(row, named.get(row.id, ()), roled.get(row.id, ()), made.get(row.created_by or ""))
            for row in rows
        ]

    def gives_rights(self, group_ids: Collection[str]) -> bool:
        """Tell whether being in these groups gives anything, such as a role or the use of a client."""
        with self._database.reading() as session:
            return gives_anything(session, group_ids)

    def usable(self) -> ColumnElement[bool]:
        """Return the condition for invitations that somebody may still use; a sign-up's end with the open sign-up."""
        usable = (Invitation.uses_left > 0) & (Invitation.expires_at > clock.now())
        return usable if self._includes_sign_ups else usable & (Invitation.note != "")

    def revoke(self, invitation_id: str, *, by: str | None = None) -> bool:
        """Delete an invitation: its link stops working, and the accounts created with it stay. False if it's gone."""
        with self._database.writing() as session:
            gone = delete(Invitation).where(Invitation.id == invitation_id).returning(Invitation.note)
            note = session.scalar(gone)
            if note is None:
                return False
            detail = {"invitation": invitation_id, "note": note}
            self._audit.add(session, "invitation_revoked", actor=by, detail=detail)
        return True

    def link_of(self, token: str) -> str:
        """Return the URL of an invitation's link."""
        return self._issuer + path_of(token)

    def add(
        self,
        session: Session,
        note: str,
        token_hash: str | None,
        email: str | None,
        uses: int,
        seconds: int,
        group_ids: Collection[str] = (),
        by: str | None = None,
    ) -> Invitation:
        """Add an invitation in the caller's transaction. Without a note, it is a sign-up's, which no list shows.

        Raises ``RoleError`` if ``by`` has just stopped being an operator, and ``GroupError`` for a deleted group.
        """
        maker = None if by == BY_MAIL else by
        if maker is not None:
            _hold_operator(session, maker)
        groups, now = hold_groups(session, group_ids), clock.now()
        if len(groups) > MAX_GROUPS_OF_ACCOUNT:
            raise GroupError(N_("An account can be in %(count)s groups.", count=MAX_GROUPS_OF_ACCOUNT))
        row = Invitation(
            id=new_identifier(),
            token_hash=token_hash,
            note=note,
            email=email,
            created_by=maker,
            uses=uses,
            uses_left=uses,
            created_at=now,
            expires_at=now + seconds,
        )
        session.add(row)
        session.flush()
        session.add_all(InvitedGroup(invitation_id=row.id, group_id=group.id) for group in groups)
        detail = {"invitation": row.id, "note": note, "uses": uses, "groups": [group.name for group in groups]}
        self._audit.add(session, "invitation_created", actor=by, detail=detail)
        return row

    def _prepare(self, message: QueuedMail) -> dict[str, Any] | None:
        """Create the link of an email that is being sent, which names the operator who invites, if it wasn't a command.

        Nothing is sent once the invitation is revoked or used.
        """
        token = new_secret(INVITATION_PREFIX)
        query = select(Invitation).where(Invitation.id == message.facts.get("invitation"), self.usable())
        with self._database.writing() as session:
            row = session.scalar(query.with_for_update())
            if row is None:
                return None
            row.token_hash = hash_secret(token)
            expires_at = row.expires_at
            makers = select(func.coalesce(User.name, User.username)).join(Subject, _is_own)
            inviter = session.scalar(makers.where(Subject.subject == row.created_by))
        return {"path": path_of(token), "expires_at": expires_at, "inviter": inviter}


def path_of(token: str) -> str:
    """Return the path of an invitation's link, below the issuer."""
    return f"{PATH}?token={quote(token)}"


def _hold_operator(session: Session, subject: str) -> None:
    """Lock the account of an operator, so that what ends it ends their new invitation, too. Raises ``RoleError``."""
    account = select(User.id).join(Subject, _is_own).where(Subject.subject == subject)
    may_invite = account.where(User.is_operator, User.disabled_at.is_(None))
    if session.scalar(may_invite.with_for_update(read=True, of=User)) is None:
        raise RoleError(N_("Only operators can invite people."))


def _by_invitation(pairs: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    """Return sorted texts, each once, by the id of their invitation."""
    found: dict[str, set[str]] = {}
    for invitation_id, each in pairs:
        found.setdefault(invitation_id, set()).add(each)
    return {invitation_id: tuple(sorted(texts)) for invitation_id, texts in found.items()}
