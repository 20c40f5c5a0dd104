"""The table of our own accounts. An embedding application brings its own users and never reads it."""

from sqlalchemy import Boolean, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UtcSeconds


class User(Base):
    """A person who can log in. Tokens never name this row: they name its subject.

    The columns from ``name`` on are the standard claims of OpenID Connect Core 1.0, section 5.1, under their names;
    the postal address is kept in its parts.
    """

    __tablename__ = "oauth2_user"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(150))
    #: The name after NFKC and casefold: two names that read alike are one account.
    username_key: Mapped[str] = mapped_column(String(400), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[UtcSeconds]
    disabled_at: Mapped[UtcSeconds | None]
    #: Whether they may decide on this server's pages what is an operator's to decide.
    is_operator: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())

    name: Mapped[str | None] = mapped_column(String(255))
    given_name: Mapped[str | None] = mapped_column(String(255))
    family_name: Mapped[str | None] = mapped_column(String(255))
    middle_name: Mapped[str | None] = mapped_column(String(255))
    nickname: Mapped[str | None] = mapped_column(String(255))
    preferred_username: Mapped[str | None] = mapped_column(String(255))
    #: Whether an operator chose it. Applications may trust it, so what people once chose themselves is told to nobody.
    preferred_username_assigned: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    profile: Mapped[str | None] = mapped_column(Text)
    picture: Mapped[str | None] = mapped_column(Text)
    website: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(String(254))
    #: The email address after NFKC and casefold: no two accounts have one email address.
    email_key: Mapped[str | None] = mapped_column(String(400), index=True, unique=True)
    email_verified: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    gender: Mapped[str | None] = mapped_column(String(255))
    birthdate: Mapped[str | None] = mapped_column(String(10))
    zoneinfo: Mapped[str | None] = mapped_column(String(64))
    locale: Mapped[str | None] = mapped_column(String(35))
    phone_number: Mapped[str | None] = mapped_column(String(50))
    phone_number_verified: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    street_address: Mapped[str | None] = mapped_column(String(255))
    locality: Mapped[str | None] = mapped_column(String(255))
    region: Mapped[str | None] = mapped_column(String(255))
    postal_code: Mapped[str | None] = mapped_column(String(255))
    country: Mapped[str | None] = mapped_column(String(255))
    #: When a claim was changed last.
    updated_at: Mapped[UtcSeconds | None]

    def __str__(self) -> str:
        return self.username
