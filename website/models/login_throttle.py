"""The table of recent failed logins per login name, address and browser, and of links sent to an email address."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, UtcSeconds


class LoginThrottle(Base):
    """A login name, address or known browser with failed logins, or an address for email. Every row expires."""

    __tablename__ = "oauth2_login_throttle"

    #: SHA-256 of what is counted, so that typed names and addresses aren't stored.
    key_hash: Mapped[Digest] = mapped_column(primary_key=True)
    #: ``account`` (by the typed name), ``address``, ``browser``, ``factor`` for an account's codes from all browsers,
    #: or ``receiver``.
    kind: Mapped[str] = mapped_column(String(10))
    failures: Mapped[int]
    #: Attempts before this time are rejected without checking the password.
    blocked_until: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
