"""The table of authorization requests that wait for a person's answer."""

from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Digest, Identifier, UtcSeconds


class AuthorizationRequest(Base):
    """A request as it was shown on the consent page, or as it was posted to the authorization endpoint.

    The decision names it by its transaction id, whose hash stands here, and is taken once.
    """

    __tablename__ = "oauth2_authorization_request"

    id_hash: Mapped[Digest] = mapped_column(primary_key=True)
    #: The login that saw the consent page; ``None`` while the request was only posted.
    session: Mapped[Identifier | None]
    #: SHA-256 of the cookie of the browser in which it began; ``None`` until the first GET of one that was posted.
    browser: Mapped[Digest | None]
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds] = mapped_column(index=True)
    used_at: Mapped[UtcSeconds | None]
