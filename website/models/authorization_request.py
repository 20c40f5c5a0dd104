"""The table of authorization requests that wait for a person's decision."""

from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, Identifier, UtcSeconds


class AuthorizationRequest(Base):
    """A request as shown on the consent page, or as posted to the authorization endpoint.

    The decision refers to it by its transaction ID, which is stored as a hash, and is accepted once.
    """

    __tablename__ = "oauth2_authorization_request"

    id_hash: Mapped[Digest] = mapped_column(primary_key=True)
    #: The login session that saw the consent page; ``None`` while the request was only posted.
    session: Mapped[Identifier | None]
    #: SHA-256 of the cookie of the browser that it started in; ``None`` for a posted request until its first GET.
    browser: Mapped[Digest | None]
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
    used_at: Mapped[UtcSeconds | None]
