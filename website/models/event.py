"""The table of security events: what happened, to whom, from where. Rows are only added, and pruned when old."""

from sqlalchemy import JSON, BigInteger, ColumnElement, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from ..settings import Settings
from .base import Base, UtcSeconds

IS_LOGIN = text("event = 'login' AND outcome = 'success'")


class Event(Base):
    """An event that an operator may need to look up later.

    It has no foreign keys, so it stays when the rows it refers to are deleted.
    """

    __tablename__ = "oauth2_event"
    __table_args__ = (
        # When somebody last logged in: one person can cause millions of other events, such as repeated refresh tokens.
        Index("ix_oauth2_event_login", "subject", "occurred_at", sqlite_where=IS_LOGIN, postgresql_where=IS_LOGIN),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    occurred_at: Mapped[UtcSeconds] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(String(40))
    #: ``success``, ``failure`` or ``refused``.
    outcome: Mapped[str] = mapped_column(String(10))
    #: Who did it: a subject, ``command:`` with the system user's name, ``mail``, or ``None`` if unknown. Without an
    #: index, as ``client`` below.
    actor: Mapped[str | None] = mapped_column(String(255))
    #: The subject that it concerns.
    subject: Mapped[str | None] = mapped_column(String(22), index=True)
    #: The id of the client's row, not its client_id. Without an index, as operators alone filter by it, now and then:
    #: reading a million events takes a tenth of a second of CPU.
    client: Mapped[str | None] = mapped_column(String(22))
    address: Mapped[str | None] = mapped_column(String(45))
    request_id: Mapped[str | None] = mapped_column(String(40))
    detail: Mapped[dict[str, object] | None] = mapped_column(JSON)

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        return cls.occurred_at < past - settings.event_seconds
