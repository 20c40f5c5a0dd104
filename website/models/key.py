"""The table of keys for signing, sealing and decrypting, encrypted at rest."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, Executable, Index, LargeBinary, String, and_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from ..settings import Settings
from .base import Base, UtcSeconds
from .former_key import FormerKey

#: The purpose of a key: our signatures, our sealed tokens, or decrypting objects from clients.
SIGNING, SEALING, DECRYPTING = "signing", "sealing", "decrypting"
NEXT, CURRENT, RETIRED = "next", "current", "retired"


class Key(Base):
    """One key. ``state`` is ``next``, ``current`` or ``retired``; each kind has at most one next and one current."""

    __tablename__ = "oauth2_key"
    __table_args__ = (Index(None, "purpose", "algorithm", "slot", unique=True),)

    id: Mapped[str] = mapped_column(String(43), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(10))
    algorithm: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10))
    #: ``next`` or ``current``, or the key's own id once retired, for the unique index.
    slot: Mapped[str] = mapped_column(String(43))
    public_jwk: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    encrypted_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[UtcSeconds]
    activated_at: Mapped[UtcSeconds | None]
    #: When the last token of a retired key has expired.
    expires_at: Mapped[UtcSeconds | None] = mapped_column(index=True)

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        return and_(cls.state == RETIRED, cls.expires_at < past)

    @classmethod
    def is_former(cls, now: int) -> ColumnElement[bool]:
        """Return the condition for signing keys that no token needs any longer."""
        return and_(cls.purpose == SIGNING, cls.state == RETIRED, cls.expires_at <= now, cls.public_jwk.is_not(None))

    @classmethod
    def keep_of_expired(cls, past: int) -> Executable:
        """Return a statement that copies the public part of former signing keys. Safe to repeat."""
        former = select(cls.id, cls.algorithm, cls.public_jwk, cls.expires_at).where(cls.is_former(past))
        # PostgreSQL's insert; SQLite understands its SQL too.
        copies = insert(FormerKey).from_select(["id", "algorithm", "public_jwk", "withdrawn_at"], former)
        return copies.on_conflict_do_nothing()
