"""The table of clients that were told of a login, which is the outbox of what they hear when it ends."""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier, UtcSeconds


class ClientSession(Base):
    """A client that was told of a login by an ID token; once the login has ended, the notice that is due to it.

    The database itself makes it due: when the login's row goes, for whatever reason, the reference to it is emptied in
    the same transaction. So no way of ending a login can forget a client.
    """

    __tablename__ = "oauth2_client_session"
    __table_args__ = (UniqueConstraint("sid", "client"),)

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), index=True)
    #: The login; empty once it has ended.
    session: Mapped[Identifier | None] = mapped_column(ForeignKey("oauth2_session.id", ondelete="SET NULL"), index=True)
    #: What the client was told: who issued the ID token, and its ``sid`` and ``sub``.
    issuer: Mapped[str] = mapped_column(String(2048))
    sid: Mapped[Identifier]
    sub: Mapped[str] = mapped_column(String(255))
    #: How often the notice was sent, or was about to be.
    tries: Mapped[int] = mapped_column(default=0)
    #: When it is sent next, or may be taken for lost by whoever is sending it; ``None`` where it was given up.
    next_try_at: Mapped[UtcSeconds | None]
    #: When a notice that was given up is deleted.
    expires_at: Mapped[UtcSeconds | None] = mapped_column(index=True)
