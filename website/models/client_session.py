"""The table of clients in each login session, which is also the outbox of logout notices."""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier, UtcSeconds


class ClientSession(Base):
    """A client that got an ID token for a login session, and the logout notice it gets after the session ends.

    The database itself makes the notice due: when the login session's row is deleted, the reference to it becomes null
    in the same transaction. So no way of ending a session can forget a client.
    """

    __tablename__ = "oauth2_client_session"
    __table_args__ = (UniqueConstraint("sid", "client"),)

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), index=True)
    #: The login session; null once it has ended.
    session: Mapped[Identifier | None] = mapped_column(ForeignKey("oauth2_session.id", ondelete="SET NULL"), index=True)
    #: Issuer, ``sid`` and ``sub`` of the ID token.
    issuer: Mapped[str] = mapped_column(String(2048))
    sid: Mapped[Identifier]
    sub: Mapped[str] = mapped_column(String(255))
    #: How often sending the notice was attempted.
    tries: Mapped[int] = mapped_column(default=0)
    #: When to send it next, or when its current sender is considered dead; ``None`` if it failed for good.
    next_try_at: Mapped[UtcSeconds | None]
    #: When a failed notice is deleted.
    expires_at: Mapped[UtcSeconds | None] = mapped_column(index=True)
