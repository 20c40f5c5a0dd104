"""The table of authorization codes: hashes only, each redeemed once."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, Identifier, ScopeText, UtcSeconds


class OAuth2AuthorizationCode(Base):
    """A code and all that it is bound to (:rfc:`6749#section-4.1.3`).

    ``used_at`` without ``grant`` means refused: a failed try by the code's own client burns it.
    """

    __tablename__ = "oauth2_authorization_code"

    code_hash: Mapped[Digest] = mapped_column(primary_key=True)
    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), index=True)
    subject: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_subject.subject", ondelete="CASCADE"), index=True)
    session: Mapped[Identifier | None]
    consent: Mapped[Identifier | None]
    #: As the request gave it; ``None`` when it gave none and the only registered one was used.
    redirect_uri: Mapped[str | None] = mapped_column(Text)
    scope: Mapped[ScopeText]
    resource: Mapped[list[str] | None] = mapped_column(JSON)
    claims: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    authorization_details: Mapped[list[Any] | None] = mapped_column(JSON)
    nonce: Mapped[str | None] = mapped_column(Text)
    code_challenge: Mapped[str | None] = mapped_column(String(128))
    code_challenge_method: Mapped[str | None] = mapped_column(String(10))
    dpop_jkt: Mapped[str | None] = mapped_column(String(64))
    auth_time: Mapped[UtcSeconds | None]
    acr: Mapped[str | None] = mapped_column(String(255))
    amr: Mapped[list[str] | None] = mapped_column(JSON)
    #: Whether what it gives outlives the login; ``None`` in rows of the former release.
    stays_connected: Mapped[bool | None]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
    used_at: Mapped[UtcSeconds | None]
    #: The grant that its redemption made. No foreign key: it is written in the statement that claims the code.
    grant: Mapped[Identifier | None]
