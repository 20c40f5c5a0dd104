"""The table of used one-time JWTs, kept until they would have expired."""

from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, UtcSeconds


class UsedJti(Base):
    """The SHA-256 of a JWT's issuer and its ``jti``, which is only unique per issuer (:rfc:`7519`)."""

    __tablename__ = "oauth2_used_jti"

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    expires_at: Mapped[UtcSeconds]
