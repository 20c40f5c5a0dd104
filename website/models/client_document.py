"""The table of clients' metadata documents, as they were fetched last."""

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier, UtcSeconds


class ClientDocument(Base):
    """The metadata document at a client's client_id (draft-ietf-oauth-client-id-metadata-document).

    A client without such a row has to be fetched before its next use. The row is deleted with its client or when its
    document is gone, so it isn't pruned; it has no personal data, so it isn't exported.
    """

    __tablename__ = "oauth2_client_document"

    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), primary_key=True)
    #: When the document was fetched last, and until when it is used without fetching it again.
    fetched_at: Mapped[UtcSeconds]
    fresh_until: Mapped[UtcSeconds]
    #: The document itself, at most 5 KiB.
    content: Mapped[str] = mapped_column(Text)
