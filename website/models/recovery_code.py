"""The table of recovery codes, for people who lost their second factor."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, UtcSeconds


class RecoveryCode(Base):
    """An unused recovery code: only the SHA-256 of its 80 random bits; the row is deleted on use."""

    __tablename__ = "oauth2_recovery_code"

    user_id: Mapped[int] = mapped_column(ForeignKey("oauth2_user.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[Digest] = mapped_column(primary_key=True)
    created_at: Mapped[UtcSeconds]
