"""The table of grants: one row per authorization by a user; every token contains its grant's id."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, Text, false, or_, text
from sqlalchemy.orm import Mapped, mapped_column

from ..settings import Settings
from .base import FORMER_COLUMNS, Base, Identifier, ScopeText, UtcSeconds

#: Revoked grants are kept for a day, so that an operator can find out what happened.
REVOKED_SECONDS = 86400


class Grant(Base):
    """One grant. Revoking the row immediately ends all its tokens on every node.

    Refresh tokens aren't stored: they are sealed and contain the grant's id and a ``generation``. A rotation increases
    the generation; a token with an older one is being reused.
    """

    __tablename__ = "oauth2_grant"
    __table_args__ = (
        Index(None, "subject", "client"),
        {"info": {FORMER_COLUMNS: ("resource", "authorization_details", "cnf")}},
    )

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    #: No foreign key or index: nothing is looked up by it, and every new grant would pay for both.
    consent: Mapped[Identifier | None]
    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), index=True)
    #: The client's token epoch when it was written; ``None`` in rows of the previous release. Raising the client's
    #: epoch ends it, without a change to its row.
    client_epoch: Mapped[int | None]
    subject: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_subject.subject", ondelete="CASCADE"))
    #: No foreign key: a grant bound to a login session ends because the session's row no longer exists.
    session: Mapped[Identifier | None]
    #: Whether it ends with its login session: with ``openid`` and without ``offline_access``.
    ends_with_session: Mapped[bool] = mapped_column(default=False, server_default=false())
    grant_type: Mapped[str] = mapped_column(String(255))
    scope: Mapped[ScopeText]
    #: The scopes at APIs, by the API's row id; in the demo by its URL if nobody registered it. ``None`` without APIs.
    resources: Mapped[dict[str, str] | None] = mapped_column(JSON)
    claims: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    nonce: Mapped[str | None] = mapped_column(Text)
    auth_time: Mapped[UtcSeconds | None]
    acr: Mapped[str | None] = mapped_column(String(255))
    amr: Mapped[list[str] | None] = mapped_column(JSON)
    generation: Mapped[int] = mapped_column(default=0)
    rotated_at: Mapped[UtcSeconds]
    #: How often the previous refresh token was accepted again within the grace period.
    grace_uses: Mapped[int] = mapped_column(default=0)
    #: The network of the last rotation: an IPv4 address, or the /64 of an IPv6 address.
    rotated_from: Mapped[str | None] = mapped_column(String(64))
    #: The last generation with a repeated refresh token, and the number of such generations in a row.
    repeated_generation: Mapped[int | None]
    generations_repeated: Mapped[int] = mapped_column(server_default=text("0"))
    #: The same for repeats from a different network than the rotation.
    repeated_elsewhere_generation: Mapped[int | None]
    generations_repeated_elsewhere: Mapped[int] = mapped_column(server_default=text("0"))
    #: When repeats in many generations in a row last showed that two programs share one refresh token.
    used_in_two_places_at: Mapped[UtcSeconds | None]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds]
    revoked_at: Mapped[UtcSeconds | None]

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        return or_(cls.expires_at < past, cls.revoked_at < past - REVOKED_SECONDS, cls.is_idle(past, settings))

    @classmethod
    def is_of_epoch(cls, epoch: Any) -> ColumnElement[bool]:
        """Return the condition for grants that a client's token epoch hasn't ended."""
        return or_(cls.client_epoch.is_(None), cls.client_epoch == epoch)

    @classmethod
    def is_idle(cls, now: int, settings: Settings) -> ColumnElement[bool]:
        """Return the condition for grants unused for too long to be refreshed, without any unexpired access token."""
        return cls.rotated_at < now - settings.refresh_token_idle_seconds - settings.longest_access_token_seconds
