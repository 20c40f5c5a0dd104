"""The table of wrong user codes in the last minute, per address, account and in all."""

from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, UtcSeconds


class UserCodeGuess(Base):
    """How many wrong user codes somebody entered (:rfc:`8628#section-5.1`). Every row expires within a minute."""

    __tablename__ = "oauth2_user_code_guess"

    #: SHA-256 of the address or account, or of the word for all of them.
    key_hash: Mapped[Digest] = mapped_column(primary_key=True)
    guesses: Mapped[int]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
