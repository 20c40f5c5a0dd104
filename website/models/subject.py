"""The table of subjects: the random identifier by which tokens know a user."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier, UtcSeconds


class Subject(Base):
    """Joins a user's identifier, of whichever users table, to the subject that tokens carry.

    The row is made once and its ``subject`` never given out again. Without it, every token of it is dead.
    """

    __tablename__ = "oauth2_subject"

    subject: Mapped[Identifier] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(String(255), unique=True)
    #: Sealed into tokens and compared for equality: raising it ends them all.
    token_epoch: Mapped[int] = mapped_column(default=0)
    #: When everything of the subject was ended last: a login at a host application that is older holds no more.
    signed_out_at: Mapped[UtcSeconds | None]
    created_at: Mapped[UtcSeconds]
