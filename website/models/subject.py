"""The table of subjects: a user's random identifier in tokens."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier, UtcSeconds


class Subject(Base):
    """Maps a user's identifier, from any users table, to the subject in tokens.

    The row is created once and its ``subject`` is never reused. Without the row, all tokens of the subject are invalid.
    """

    __tablename__ = "oauth2_subject"

    subject: Mapped[Identifier] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(String(255), unique=True)
    #: Sealed into tokens and compared for equality: increasing it ends them all.
    token_epoch: Mapped[int] = mapped_column(default=0)
    #: When all the subject's sessions and tokens were last ended: earlier logins at a host application are invalid.
    signed_out_at: Mapped[UtcSeconds | None]
    created_at: Mapped[UtcSeconds]
