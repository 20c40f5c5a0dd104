"""The table of used challenges of passkeys, each of which is accepted once."""

from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, UtcSeconds


class UsedChallenge(Base):
    """The SHA-256 of a challenge that a passkey has answered, kept until it expires. Unused ones aren't stored."""

    __tablename__ = "oauth2_used_challenge"

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    expires_at: Mapped[UtcSeconds]
