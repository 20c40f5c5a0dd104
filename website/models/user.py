"""The table of our own accounts. Not used if an embedding application has its own users."""

from sqlalchemy import Boolean, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UtcSeconds


class User(Base):
    """A person who can log in. Tokens never contain the row's id, only its subject.

    The columns from ``name`` on are named after the standard claims of OpenID Connect Core 1.0, section 5.1; the postal
    address is stored in parts.
    """

    __tablename__ = "oauth2_user"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(150))
    #: The username after NFKC and casefold, so that equivalent names belong to one account.
    username_key: Mapped[str] = mapped_column(String(400), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[UtcSeconds]
    disabled_at: Mapped[UtcSeconds | None]
    #: Whether they have the operator role.
    is_operator: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    #: When the person said that they don't want to be offered a passkey again.
    passkeys_declined_at: Mapped[UtcSeconds | None]
    #: Whether an operator decided that they can't log in without a second factor.
    requires_factor: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    #: Whether they want their passkeys to be asked for after the password. An authenticator app always is.
    asks_second_factor: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    #: Whether they have to set a new password when they next log in with theirs.
    password_change_required: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    #: When the person accepted the terms of use, if they had to.
    terms_accepted_at: Mapped[UtcSeconds | None]

    name: Mapped[str | None] = mapped_column(String(255))
    given_name: Mapped[str | None] = mapped_column(String(255))
    family_name: Mapped[str | None] = mapped_column(String(255))
    middle_name: Mapped[str | None] = mapped_column(String(255))
    nickname: Mapped[str | None] = mapped_column(String(255))
    preferred_username: Mapped[str | None] = mapped_column(String(255))
    #: Whether an operator chose it. Applications may trust it, so names that people chose themselves aren't shared.
    preferred_username_assigned: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    profile: Mapped[str | None] = mapped_column(Text)
    picture: Mapped[str | None] = mapped_column(Text)
    website: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(String(254))
    #: The email address after NFKC and casefold, so that no two accounts share one.
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
    #: When a claim last changed.
    updated_at: Mapped[UtcSeconds | None]

    def __str__(self) -> str:
        return self.username
