"""The table of pairwise subjects: a user's identifier for the clients of one sector."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier


class PairwiseSubject(Base):
    """A user's random identifier for one sector (OpenID Connect Core 1.0, section 8.1), created once."""

    __tablename__ = "oauth2_pairwise_subject"

    subject: Mapped[Identifier] = mapped_column(
        ForeignKey("oauth2_subject.subject", ondelete="CASCADE"), primary_key=True
    )
    sector: Mapped[str] = mapped_column(String(255), primary_key=True)
    identifier: Mapped[Identifier] = mapped_column(unique=True)
