"""The table of what accounts log in by: user names and verified email addresses, in one name space."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class LoginName(Base):
    """A user name, or a verified email address, that nobody else may have as either.

    It only keeps two accounts apart: who logs in is read from the users table, where a name wins over an address.
    """

    __tablename__ = "oauth2_login_name"

    #: After NFKC and casefold, as the users table has it in ``username_key`` and ``email_key``.
    login_key: Mapped[str] = mapped_column(String(400), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("oauth2_user.id", ondelete="CASCADE"), index=True)
