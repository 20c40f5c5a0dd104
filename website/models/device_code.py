"""The table of device codes: only hashes, each allowed or denied by one person and redeemed once."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ..settings import Settings
from .base import Base, Digest, Identifier, ScopeText, UtcSeconds

#: An expired code is kept for ten more minutes, so that its device is told to start again.
KEPT_SECONDS = 600


class DeviceCode(Base):
    """A device that waits for a person (:rfc:`8628#section-3.2`).

    First it waits for its user code to be entered, which binds it to that login session; then for the person to allow
    or deny it; and then to be redeemed. ``used_at`` without ``grant`` means rejected, as for an authorization code.
    """

    __tablename__ = "oauth2_device_code"

    device_code_hash: Mapped[Digest] = mapped_column(primary_key=True)
    user_code_hash: Mapped[Digest] = mapped_column(unique=True)
    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), index=True)
    scope: Mapped[ScopeText]
    #: The scope at each API, as in a grant.
    resources: Mapped[dict[str, str] | None] = mapped_column(JSON)
    code_challenge: Mapped[str | None] = mapped_column(String(128))
    code_challenge_method: Mapped[str | None] = mapped_column(String(10))
    #: The device's, shown to the person.
    address: Mapped[str | None] = mapped_column(String(45))
    #: The network that it is counted in while it waits.
    network: Mapped[str] = mapped_column(String(45))
    #: The time between polls, which grows when the device polls too often.
    interval_seconds: Mapped[int]
    polled_at: Mapped[UtcSeconds | None]
    #: The login session that entered the user code. The person decides in it.
    session: Mapped[Identifier | None]
    #: Who allowed it. No foreign key, as for authorization codes: what deletes a subject deletes its codes.
    subject: Mapped[Identifier | None]
    #: The subject's token epoch at that time: whatever ends all its tokens raises it, and so ends the code.
    subject_epoch: Mapped[int | None]
    auth_time: Mapped[UtcSeconds | None]
    acr: Mapped[str | None] = mapped_column(String(255))
    amr: Mapped[list[Any] | None] = mapped_column(JSON)
    #: Whether its grant outlives the login.
    stays_connected: Mapped[bool | None]
    denied_at: Mapped[UtcSeconds | None]
    used_at: Mapped[UtcSeconds | None]
    #: The grant from its redemption.
    grant: Mapped[Identifier | None]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        return cls.expires_at < past - KEPT_SECONDS
