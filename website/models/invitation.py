"""The tables of invitations and of the groups that newcomers come into by them."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, Identifier, UtcSeconds


class Invitation(Base):
    """A link with which a limited number of people create their accounts, for a limited time."""

    __tablename__ = "oauth2_invitation"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    #: The SHA-256 of its token; ``None`` until the email with the link is sent.
    token_hash: Mapped[Digest | None] = mapped_column(unique=True)
    #: Who or what it is for, in the operator's words.
    note: Mapped[str] = mapped_column(String(200))
    #: The address that the link is sent to, if any: it becomes the verified one of the new account.
    email: Mapped[str | None] = mapped_column(String(254))
    #: The subject of the operator who created it on a page; ``None`` for a command and for a sign-up.
    created_by: Mapped[Identifier | None] = mapped_column(
        ForeignKey("oauth2_subject.subject", ondelete="CASCADE"), index=True
    )
    uses: Mapped[int]
    uses_left: Mapped[int]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)


class InvitedGroup(Base):
    """A group that an invitation's accounts are in from the beginning; the row goes with either."""

    __tablename__ = "oauth2_invited_group"

    invitation_id: Mapped[Identifier] = mapped_column(
        ForeignKey("oauth2_invitation.id", ondelete="CASCADE"), primary_key=True
    )
    group_id: Mapped[Identifier] = mapped_column(
        ForeignKey("oauth2_group.id", ondelete="CASCADE"), primary_key=True, index=True
    )
