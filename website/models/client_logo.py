"""The table of clients' logos, as they were fetched, or why they were not."""

from sqlalchemy import ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, Identifier, UtcSeconds


class ClientLogo(Base):
    """The picture at a client's ``logo_uri`` (:rfc:`7591#section-2`). It counts only as long as that URI is the same.

    Without a picture, ``problem`` says why there is none; with one, why it could not be fetched again. The row goes
    with its client or its URI, so nothing prunes it; it says nothing of any person, so no export has it.
    """

    __tablename__ = "oauth2_client_logo"

    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), primary_key=True)
    logo_uri: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str | None] = mapped_column(String(20))
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: The SHA-256 of the picture, which stands in its address: a browser that has it need not ask again.
    digest: Mapped[Digest | None]
    problem: Mapped[str | None] = mapped_column(String(255))
    tried_at: Mapped[UtcSeconds]
