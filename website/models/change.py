"""The table that notifies other processes of changes to cached data."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Change(Base):
    """A counter per kind of cached data (``clients``, ``keys``, ``resources``), increased by every write."""

    __tablename__ = "oauth2_change"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger)
