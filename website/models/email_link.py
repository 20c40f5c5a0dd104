"""The table of one-time links that confirm an email address."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, UtcSeconds


class EmailLink(Base):
    """A link that makes an address the verified one of an account: only its token's SHA-256; deleted on use."""

    __tablename__ = "oauth2_email_link"

    token_hash: Mapped[Digest] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("oauth2_user.id", ondelete="CASCADE"), index=True)
    #: The address that it was sent to.
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
