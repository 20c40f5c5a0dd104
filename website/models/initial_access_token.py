"""The table of initial access tokens."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, Identifier, UtcSeconds


class InitialAccessToken(Base):
    """A token for registering a limited number of clients for a limited time (:rfc:`7591#section-3`); only its hash."""

    __tablename__ = "oauth2_initial_access_token"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    token_hash: Mapped[Digest] = mapped_column(unique=True)
    #: Who or what it is for, in the operator's words.
    note: Mapped[str] = mapped_column(String(200))
    uses_left: Mapped[int]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
