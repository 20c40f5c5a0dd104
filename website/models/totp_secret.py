"""The table of authenticator apps: the secret that each shares with this server."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UtcSeconds


class TotpSecret(Base):
    """An account's authenticator app (:rfc:`6238`), confirmed by a code of it."""

    __tablename__ = "oauth2_totp_secret"

    user_id: Mapped[int] = mapped_column(ForeignKey("oauth2_user.id", ondelete="CASCADE"), primary_key=True)
    #: Under the key-encryption key, bound to the account.
    encrypted_secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[UtcSeconds]
    #: The time step of the last code that was accepted: neither it nor an earlier one is accepted again.
    last_step: Mapped[int] = mapped_column(BigInteger)
