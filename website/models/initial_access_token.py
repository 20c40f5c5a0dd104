"""The table of initial access tokens."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, Identifier, UtcSeconds


class InitialAccessToken(Base):
    """What lets its holder register clients (:rfc:`7591#section-3`): so many, until then. Kept as a hash."""

    __tablename__ = "oauth2_initial_access_token"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    token_hash: Mapped[Digest] = mapped_column(unique=True)
    #: For whom or what it was made, in the operator's words.
    note: Mapped[str] = mapped_column(String(200))
    uses_left: Mapped[int]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
