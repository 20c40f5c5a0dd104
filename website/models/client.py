"""The tables of clients, of their secrets and of their origins."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..settings import Settings
from .base import Base, Digest, Identifier, UtcSeconds


class OAuth2Client(Base):
    """A registered client (:rfc:`6749#section-2`): columns for what SQL asks, the rest as registered.

    ``client_metadata`` holds the fields of :rfc:`7591#section-2`, those that we do not know included. What an
    administrator decides about a client stands in columns, so that no re-registration can drop it.
    """

    __tablename__ = "oauth2_client"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(String(2048), unique=True)
    client_name: Mapped[str] = mapped_column(String(255))
    client_metadata: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: The user who made it on a page; clients made by command or registration have none.
    owner_subject: Mapped[Identifier | None] = mapped_column(
        ForeignKey("oauth2_subject.subject", ondelete="SET NULL"), index=True
    )
    #: A first-party client is the operator's own: its users are not asked for consent.
    is_first_party: Mapped[bool] = mapped_column(default=False)
    #: ``None`` follows OAUTH2_PKCE_REQUIRED_FOR.
    pkce_required: Mapped[bool | None]
    #: ``sealed`` or ``jwt`` (:rfc:`9068`).
    access_token_format: Mapped[str] = mapped_column(String(10), default="sealed")
    #: What its JWT access tokens are signed with; ``None``: the first of OAUTH2_SIGNING_ALGORITHMS.
    access_token_alg: Mapped[str | None] = mapped_column(String(10))
    #: By which identifiers it knows its users, ``public`` or ``pairwise``, and of which sector; fixed at its creation.
    #: ``None`` where a former release wrote the row: then they follow from its metadata.
    subject_type: Mapped[str | None] = mapped_column(String(10))
    sector: Mapped[str | None] = mapped_column(String(255))
    #: Whether its secret is taken by header and in the body, whichever of the two is its method.
    secret_either_way: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Origins whose scripts may call the server for it, beside those of its redirect URIs.
    extra_origins: Mapped[list[str] | None] = mapped_column(JSON)
    #: Whether it is an API of the operator's, which may look at any token meant for this server (:rfc:`7662`).
    may_introspect: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Whether its ID tokens have the claims of its scopes too, for applications that read nothing else.
    claims_in_id_token: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Whether its grants with ``openid`` end with the login; ``None`` goes by what kind of client it is.
    ends_with_login: Mapped[bool | None]
    #: Whether pages show its logo; ``None``: unless it registered itself.
    shows_logo: Mapped[bool | None]
    #: Whether it registered itself, by an initial access token or without one (:rfc:`7591#section-5`).
    is_self_registered: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The SHA-256 of the token by which it manages its own registration (:rfc:`7592#section-3`).
    registration_token_hash: Mapped[Digest | None]
    #: Until when it is kept without having got a token; ``None`` for one that did, and for any other client.
    unused_until: Mapped[UtcSeconds | None] = mapped_column(index=True)
    token_epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[UtcSeconds]
    disabled_at: Mapped[UtcSeconds | None]

    secrets: Mapped[list["OAuth2ClientSecret"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="OAuth2ClientSecret.created_at"
    )
    origins: Mapped[list["OAuth2ClientOrigin"]] = relationship(cascade="all, delete-orphan", passive_deletes=True)

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool]:
        return cls.unused_until < past


class OAuth2ClientSecret(Base):
    """A client secret's SHA-256. Rotation leaves the former one valid until ``expires_at``.

    For a client that signs by its secret it is kept too, encrypted: a hash verifies no signature.
    """

    __tablename__ = "oauth2_client_secret"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[Digest]
    encrypted_secret: Mapped[bytes | None]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds | None] = mapped_column(index=True)


class OAuth2ClientOrigin(Base):
    """An origin of a client's redirect URIs: scripts of its pages may call the server (CORS).

    Written with ``redirect_uris``, so that an origin is found without reading any client.
    """

    __tablename__ = "oauth2_client_origin"

    #: As browsers write it: scheme and host in lower case, the port only where it is not the scheme's own.
    origin: Mapped[str] = mapped_column(String(2048), primary_key=True)
    client: Mapped[Identifier] = mapped_column(
        ForeignKey("oauth2_client.id", ondelete="CASCADE"), primary_key=True, index=True
    )
