"""The table of authorization codes: only hashes, each redeemed once."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, String, Text, and_
from sqlalchemy.orm import Mapped, mapped_column

from ..clock import SKEW_SECONDS
from ..settings import Settings
from .base import Base, Digest, Identifier, ScopeText, UtcSeconds

#: Used codes are kept for a day after they expire, to detect replays. Later replays are refused too, but the grant then
#: has to be revoked by hand.
REPLAY_SECONDS = 86400


class OAuth2AuthorizationCode(Base):
    """A code and everything it is bound to (:rfc:`6749#section-4.1.3`).

    ``used_at`` without ``grant`` means rejected: a failed attempt by the code's own client uses it up.
    """

    __tablename__ = "oauth2_authorization_code"

    code_hash: Mapped[Digest] = mapped_column(primary_key=True)
    #: No foreign keys or indexes, which every login would pay for: what deletes a client or subject deletes its codes.
    client: Mapped[Identifier]
    subject: Mapped[Identifier]
    session: Mapped[Identifier | None]
    consent: Mapped[Identifier | None]
    #: From the request; ``None`` if it had none and the only registered one was used.
    redirect_uri: Mapped[str | None] = mapped_column(Text)
    scope: Mapped[ScopeText]
    #: As in grants.
    resources: Mapped[dict[str, str] | None] = mapped_column(JSON)
    claims: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    nonce: Mapped[str | None] = mapped_column(Text)
    code_challenge: Mapped[str | None] = mapped_column(String(128))
    code_challenge_method: Mapped[str | None] = mapped_column(String(10))
    auth_time: Mapped[UtcSeconds | None]
    acr: Mapped[str | None] = mapped_column(String(255))
    amr: Mapped[list[str] | None] = mapped_column(JSON)
    #: Whether its grant outlives the login; ``None`` in rows of the previous release.
    stays_connected: Mapped[bool | None]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
    used_at: Mapped[UtcSeconds | None]
    #: The grant from its redemption. No foreign key, as the statement that takes the code writes it.
    grant: Mapped[Identifier | None]

    @classmethod
    def is_waiting(cls, now: Any) -> ColumnElement[bool]:
        """Return the condition for codes that some node may still redeem: the codes of the last minutes, by an index.

        Whatever ends access looks for its codes among these.
        """
        return and_(cls.used_at.is_(None), cls.expires_at > now - SKEW_SECONDS)

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        return cls.expires_at < past - REPLAY_SECONDS
