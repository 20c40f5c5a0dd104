"""The outbox of emails: what is to be told to whom, and when to try next."""

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier, UtcSeconds


class MailMessage(Base):
    """An email that hasn't been sent, or couldn't be. A sent one has no row.

    It holds no secret: a one-time link is created when the message is sent.
    """

    __tablename__ = "oauth2_mail_message"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    #: One of :data:`website.mail.kinds.KINDS`.
    kind: Mapped[str] = mapped_column(String(40))
    #: The account it concerns, if any.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("oauth2_user.id", ondelete="CASCADE"), index=True)
    #: Where it goes: the account's address at the time, or another one.
    address: Mapped[str] = mapped_column(String(400))
    #: The account's locale at the time.
    language: Mapped[str | None] = mapped_column(String(35))
    #: What the text says, as a JSON object: when and from where it happened, and the kind's own facts.
    facts: Mapped[str] = mapped_column(Text)
    created_at: Mapped[UtcSeconds]
    #: How often sending it was attempted.
    tries: Mapped[int] = mapped_column(default=0)
    #: When to send it next, or when its current sender is considered dead; ``None`` if it failed for good.
    next_try_at: Mapped[UtcSeconds | None] = mapped_column(index=True)
    #: Why the last attempt failed.
    problem: Mapped[str | None] = mapped_column(String(255))
    #: When it's no longer worth sending, and deleted.
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
