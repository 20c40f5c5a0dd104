"""The table of failed logins: how often, of late, per account and per address."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, UtcSeconds


class LoginThrottle(Base):
    """One account, address or known browser at which logins failed. Every row runs out by itself."""

    __tablename__ = "oauth2_login_throttle"

    #: SHA-256 of what is counted: neither a name that was typed nor an address stands here.
    key_hash: Mapped[Digest] = mapped_column(primary_key=True)
    #: ``account``, ``address`` or ``browser``.
    kind: Mapped[str] = mapped_column(String(10))
    failures: Mapped[int]
    #: Before this moment no further try is looked at.
    blocked_until: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
