"""The table of login names: usernames, verified email addresses and assigned preferred usernames in one namespace."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class LoginName(Base):
    """A username, verified email address or preferred username that an operator assigned, unique among all of them.

    It only ensures uniqueness: logins use the users table, where a username takes precedence over an address.
    """

    __tablename__ = "oauth2_login_name"

    #: After NFKC and casefold, like ``username_key`` and ``email_key`` in the users table.
    login_key: Mapped[str] = mapped_column(String(400), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("oauth2_user.id", ondelete="CASCADE"), index=True)
