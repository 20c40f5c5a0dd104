"""The table of one-time links for setting a password."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, Identifier, UtcSeconds


class PasswordLink(Base):
    """A link for setting a password: stores only the SHA-256 of its token; the row is deleted on use."""

    __tablename__ = "oauth2_password_link"

    token_hash: Mapped[Digest] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("oauth2_user.id", ondelete="CASCADE"), index=True)
    #: The subject of the person who made it on a page: it ends when they lose the role that let them. ``None`` for a
    #: command, for the email that somebody asked for, and for a link of the former release.
    created_by: Mapped[Identifier | None]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
