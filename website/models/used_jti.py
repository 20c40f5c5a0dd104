"""The table of JWTs that may be used once, and were: kept until they would have expired anyway."""

from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, UtcSeconds


class UsedJti(Base):
    """The SHA-256 of who wrote a JWT and of its ``jti``, which is unique for that writer alone (:rfc:`7519`)."""

    __tablename__ = "oauth2_used_jti"

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
