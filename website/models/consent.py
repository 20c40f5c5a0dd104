"""The table of consents: what a user allowed a client, until when."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from .base import FORMER_COLUMNS, Base, Identifier, ScopeText, UtcSeconds


class Consent(Base):
    """One user's standing answer to one client; the consent page adds to it, connected apps deletes it."""

    __tablename__ = "oauth2_consent"
    __table_args__ = (UniqueConstraint("subject", "client"), {"info": {FORMER_COLUMNS: ("resource",)}})

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    subject: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_subject.subject", ondelete="CASCADE"))
    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), index=True)
    scope: Mapped[ScopeText]
    #: The names of claims that were asked for one by one.
    claims: Mapped[list[str] | None] = mapped_column(JSON)
    #: What the person was shown of the client: where it differs now, they are asked again.
    shown: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    #: Whether they were told that the app stays connected after they log out.
    stays_connected: Mapped[bool] = mapped_column(server_default=false())
    granted_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
