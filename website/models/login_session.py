"""The table of login sessions: one row per logged-in browser."""

from sqlalchemy import JSON, ColumnElement, ForeignKey, String, and_, exists, or_
from sqlalchemy.orm import Mapped, mapped_column

from ..settings import Settings
from .base import Base, Digest, Identifier, UtcSeconds
from .grant import Grant


class LoginSession(Base):
    """A browser's login. Logging out deletes the row, which invalidates the cookie."""

    __tablename__ = "oauth2_session"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    #: SHA-256 of the cookie's value, so that the table's contents can't be used to log in.
    token_hash: Mapped[Digest] = mapped_column(unique=True)
    subject: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_subject.subject", ondelete="CASCADE"), index=True)
    created_at: Mapped[UtcSeconds]
    auth_time: Mapped[UtcSeconds]
    #: How the person authenticated (OpenID Connect Core 1.0, section 2); ``None`` if unknown.
    acr: Mapped[str | None] = mapped_column(String(255))
    amr: Mapped[list[str] | None] = mapped_column(JSON)
    last_seen_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
    address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(255))

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        is_idle = cls.last_seen_at < past - settings.session_idle_seconds
        return or_(cls.expires_at < past, and_(is_idle, ~cls.is_needed_by_grant(past, settings)))

    @classmethod
    def is_needed_by_grant(cls, now: int, settings: Settings) -> ColumnElement[bool]:
        """Return the condition for rows that an active grant needs, even if the browser is idle."""
        return exists().where(
            Grant.subject == cls.subject,  # by an index; the session's grants have its subject
            Grant.session == cls.id,
            Grant.ends_with_session.is_(True),
            Grant.revoked_at.is_(None),
            Grant.expires_at > now,
            ~Grant.is_idle(now, settings),
        )
