"""The tables of groups and of the accounts in them."""

from sqlalchemy import Boolean, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier, UtcSeconds


class Group(Base):
    """A group of our own accounts. Groups don't contain other groups."""

    __tablename__ = "oauth2_group"

    #: Rules and maps refer to it, so that a new name changes nothing there.
    id: Mapped[Identifier] = mapped_column(primary_key=True)
    #: What applications see.
    name: Mapped[str] = mapped_column(String(100))
    #: The name after casefold, so that no two names differ only in that.
    name_key: Mapped[str] = mapped_column(String(100), unique=True)
    #: Its name for people, on pages.
    label: Mapped[str] = mapped_column(String(200))
    #: Whether its members need a second factor to log in.
    requires_factor: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    created_at: Mapped[UtcSeconds]


class Membership(Base):
    """An account in a group; the row goes with either."""

    __tablename__ = "oauth2_membership"

    group_id: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_group.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("oauth2_user.id", ondelete="CASCADE"), primary_key=True, index=True)
    added_at: Mapped[UtcSeconds]
