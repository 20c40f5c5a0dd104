"""The table of individually revoked access tokens, kept until they would have expired."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UtcSeconds


class RevokedToken(Base):
    """The ``jti`` of a revoked access token."""

    __tablename__ = "oauth2_revoked_token"

    jti: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[UtcSeconds]
