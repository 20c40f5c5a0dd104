"""The table of former signing keys: only public parts, for verifying ID token hints."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, String
from sqlalchemy.orm import Mapped, mapped_column

from ..settings import Settings
from .base import Base, UtcSeconds


class FormerKey(Base):
    """A signing key that was removed from the key set. Its private part is deleted; it only verifies hints."""

    __tablename__ = "oauth2_former_key"

    id: Mapped[str] = mapped_column(String(43), primary_key=True)
    algorithm: Mapped[str] = mapped_column(String(20))
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: When it was removed from the key set. The row is deleted once all logins from before then have expired.
    withdrawn_at: Mapped[UtcSeconds] = mapped_column(index=True)

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        return cls.withdrawn_at < past - settings.session_seconds
