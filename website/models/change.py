"""The table that tells other processes that something they cache has changed."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Change(Base):
    """A counter per cached kind (``clients``, ``keys``), raised by every write to it."""

    __tablename__ = "oauth2_change"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger)
