"""The table of former signing keys: the public part alone, by which ID tokens are still read as hints."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, String
from sqlalchemy.orm import Mapped, mapped_column

from ..settings import Settings
from .base import Base, UtcSeconds


class FormerKey(Base):
    """A signing key that has left the key set. Its private part is deleted; it verifies hints, and nothing else."""

    __tablename__ = "oauth2_former_key"

    id: Mapped[str] = mapped_column(String(43), primary_key=True)
    algorithm: Mapped[str] = mapped_column(String(20))
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: When it left the key set. The row is deleted once no login from before then can still last.
    withdrawn_at: Mapped[UtcSeconds] = mapped_column(index=True)

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        return cls.withdrawn_at < past - settings.session_seconds
