"""The table of grants: one row per issuance with a user; every token carries its grant's id."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, Text, false, or_, text
from sqlalchemy.orm import Mapped, mapped_column

from ..settings import Settings
from .base import FORMER_COLUMNS, Base, Identifier, ScopeText, UtcSeconds

#: A revoked grant is as dead as a missing one; the row is kept for an operator who asks what happened.
REVOKED_SECONDS = 86400


class Grant(Base):
    """What was granted, once. Revoking the row ends every token of it, at once, on every node.

    Refresh tokens are not stored: they are sealed and name the grant and a ``generation``. Rotation raises the
    generation; an older one is reuse.
    """

    __tablename__ = "oauth2_grant"
    __table_args__ = (
        Index(None, "subject", "client"),
        {"info": {FORMER_COLUMNS: ("resource", "authorization_details", "cnf")}},
    )

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    consent: Mapped[Identifier | None] = mapped_column(ForeignKey("oauth2_consent.id", ondelete="SET NULL"), index=True)
    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), index=True)
    subject: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_subject.subject", ondelete="CASCADE"))
    #: No foreign key: a session's row that is gone is what ends a grant bound to it.
    session: Mapped[Identifier | None] = mapped_column(index=True)
    #: Whether it is bound to its session: with ``openid``, and without ``offline_access``, it ends when the login does.
    ends_with_session: Mapped[bool] = mapped_column(default=False, server_default=false())
    grant_type: Mapped[str] = mapped_column(String(255))
    scope: Mapped[ScopeText]
    claims: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    nonce: Mapped[str | None] = mapped_column(Text)
    auth_time: Mapped[UtcSeconds | None]
    acr: Mapped[str | None] = mapped_column(String(255))
    amr: Mapped[list[str] | None] = mapped_column(JSON)
    generation: Mapped[int] = mapped_column(default=0)
    rotated_at: Mapped[UtcSeconds]
    #: How often the token just before the current one was answered in the grace window.
    grace_uses: Mapped[int] = mapped_column(default=0)
    #: The network that the last rotation came from: an IPv4 address, or the /64 of an IPv6 address.
    rotated_from: Mapped[str | None] = mapped_column(String(64))
    #: The last generation whose spent token was answered again, and how many generations running that makes.
    repeated_generation: Mapped[int | None]
    generations_repeated: Mapped[int] = mapped_column(server_default=text("0"))
    #: The same for repeats from another network than the rotation's.
    repeated_elsewhere_generation: Mapped[int | None]
    generations_repeated_elsewhere: Mapped[int] = mapped_column(server_default=text("0"))
    #: When repeats in many generations running last showed that two programs use one refresh token.
    used_in_two_places_at: Mapped[UtcSeconds | None]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
    revoked_at: Mapped[UtcSeconds | None]

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        return or_(cls.expires_at < past, cls.revoked_at < past - REVOKED_SECONDS, cls.is_idle(past, settings))

    @classmethod
    def is_idle(cls, now: int, settings: Settings) -> ColumnElement[bool]:
        """Return which grants were unused too long to be refreshed, and have no unexpired access token either."""
        return cls.rotated_at < now - settings.refresh_token_idle_seconds - settings.longest_access_token_seconds
