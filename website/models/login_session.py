"""The table of logins: one row per browser that is logged in."""

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, Identifier, UtcSeconds


class LoginSession(Base):
    """A browser's login. Logging out deletes the row, and with it every use of its cookie."""

    __tablename__ = "oauth2_session"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    #: SHA-256 of the cookie's value: the table cannot log anybody in.
    token_hash: Mapped[Digest] = mapped_column(unique=True)
    subject: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_subject.subject", ondelete="CASCADE"), index=True)
    created_at: Mapped[UtcSeconds]
    auth_time: Mapped[UtcSeconds]
    #: How the person proved who they are (OpenID Connect Core 1.0, section 2); ``None`` where nobody knows.
    acr: Mapped[str | None] = mapped_column(String(255))
    amr: Mapped[list[str] | None] = mapped_column(JSON)
    last_seen_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
    address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(255))
