"""The tables of who has which role of this server. Operators are marked in the table of accounts."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier


class UserRole(Base):
    """A role of an account."""

    __tablename__ = "oauth2_user_role"

    user_id: Mapped[int] = mapped_column(ForeignKey("oauth2_user.id", ondelete="CASCADE"), primary_key=True)
    #: ``auditor``, ``helpdesk`` or ``developer``.
    role: Mapped[str] = mapped_column(String(20), primary_key=True)


class GroupRole(Base):
    """A role of everybody in a group."""

    __tablename__ = "oauth2_group_role"

    group_id: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_group.id", ondelete="CASCADE"), primary_key=True)
    #: ``auditor``, ``helpdesk`` or ``developer``.
    role: Mapped[str] = mapped_column(String(20), primary_key=True)
