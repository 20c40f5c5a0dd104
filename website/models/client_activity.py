"""The table of what each client did, hour by hour."""

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ..settings import Settings
from .base import Base, Identifier, UtcSeconds


class ClientActivity(Base):
    """How often a client did one kind of thing in one hour. Every process adds its own counts once a minute.

    It has no personal data. Rows are deleted with their client, or after OAUTH2_ACTIVITY_SECONDS.
    """

    __tablename__ = "oauth2_client_activity"

    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), primary_key=True)
    #: The beginning of the hour.
    began_at: Mapped[UtcSeconds] = mapped_column(primary_key=True)
    #: The grant type for which tokens were issued, or `introspection` or `failed_authentication`.
    kind: Mapped[str] = mapped_column(String(255), primary_key=True)
    total: Mapped[int] = mapped_column(BigInteger)

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        return cls.began_at < past - settings.activity_seconds
