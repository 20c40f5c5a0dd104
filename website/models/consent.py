"""The table of consents: what a user allows a client, and until when."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from .base import FORMER_COLUMNS, Base, Identifier, ScopeText, UtcSeconds


class Consent(Base):
    """A user's consent to a client; the consent page adds to it, and the connected apps page deletes it."""

    __tablename__ = "oauth2_consent"
    __table_args__ = (UniqueConstraint("subject", "client"), {"info": {FORMER_COLUMNS: ("resource",)}})

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    subject: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_subject.subject", ondelete="CASCADE"))
    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), index=True)
    scope: Mapped[ScopeText]
    #: The scopes at APIs, as in grants: one at an API doesn't cover the same value at another.
    resources: Mapped[dict[str, str] | None] = mapped_column(JSON)
    #: The names of individually requested claims.
    claims: Mapped[list[str] | None] = mapped_column(JSON)
    #: The client's details as shown to the user, who is asked again if they change.
    shown: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    #: Whether the page said that the app stays connected after logout.
    stays_connected: Mapped[bool] = mapped_column(server_default=false())
    granted_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
