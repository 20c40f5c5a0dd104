"""The table of our own accounts. An embedding application brings its own users and never reads it."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UtcSeconds


class User(Base):
    """A person who can log in. Tokens never name this row: they name its subject."""

    __tablename__ = "oauth2_user"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(150))
    #: The name after NFKC and casefold: two names that read alike are one account.
    username_key: Mapped[str] = mapped_column(String(400), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[UtcSeconds]
    disabled_at: Mapped[UtcSeconds | None]

    def __str__(self) -> str:
        return self.username
