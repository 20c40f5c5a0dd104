"""The table of clients' logos, with the reason if one couldn't be fetched."""

from sqlalchemy import ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, Identifier, UtcSeconds

#: In place of a ``logo_uri`` if an operator uploaded the picture.
UPLOADED = ""


class ClientLogo(Base):
    """The picture at a client's ``logo_uri`` (:rfc:`7591#section-2`), only used while that URI is the same.

    A picture that an operator uploaded has the URI ``UPLOADED`` and stays whatever URI the client names.

    ``problem`` says why the picture couldn't be fetched, or why not again. The row is deleted with its client or its
    URI, so it isn't pruned; it has no personal data, so it isn't exported.
    """

    __tablename__ = "oauth2_client_logo"

    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), primary_key=True)
    logo_uri: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str | None] = mapped_column(String(20))
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: The SHA-256 of the picture, used in its URL, so that browsers can cache it.
    digest: Mapped[Digest | None]
    problem: Mapped[str | None] = mapped_column(String(255))
    tried_at: Mapped[UtcSeconds]
