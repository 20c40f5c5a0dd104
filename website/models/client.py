"""The tables of clients, their secrets and their origins."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, String, and_, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..settings import Settings
from .base import Base, Digest, Identifier, UtcSeconds


class OAuth2Client(Base):
    """A registered client (:rfc:`6749#section-2`): columns for SQL queries, the rest as registered.

    ``client_metadata`` has the fields of :rfc:`7591#section-2`, including unknown ones. An operator's decisions about a
    client have their own columns, so that a new registration can't overwrite them.
    """

    __tablename__ = "oauth2_client"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(String(2048), unique=True)
    client_name: Mapped[str] = mapped_column(String(255))
    client_metadata: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: The user who created it on a page; clients from commands or registration have none.
    owner_subject: Mapped[Identifier | None] = mapped_column(
        ForeignKey("oauth2_subject.subject", ondelete="SET NULL"), index=True
    )
    #: A first-party client is the operator's own: its users aren't asked for consent.
    is_first_party: Mapped[bool] = mapped_column(default=False)
    #: ``None`` follows OAUTH2_PKCE_REQUIRED_FOR.
    pkce_required: Mapped[bool | None]
    #: ``sealed`` or ``jwt`` (:rfc:`9068`).
    access_token_format: Mapped[str] = mapped_column(String(10), default="sealed")
    #: The algorithm for signing its JWT access tokens; ``None`` means the first of OAUTH2_SIGNING_ALGORITHMS.
    access_token_alg: Mapped[str | None] = mapped_column(String(10))
    #: Its subject type (``public`` or ``pairwise``) and sector, fixed at its creation. ``None`` in rows of an earlier
    #: release: then they follow from its metadata.
    subject_type: Mapped[str | None] = mapped_column(String(10))
    sector: Mapped[str | None] = mapped_column(String(255))
    #: Whether its secret is accepted both in the header and in the body, regardless of its registered method.
    secret_either_way: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Origins whose scripts may call the server for it, in addition to those of its redirect URIs.
    extra_origins: Mapped[list[str] | None] = mapped_column(JSON)
    #: Whether it is one of the operator's APIs, which may introspect any token for this server (:rfc:`7662`).
    may_introspect: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Whether its ID tokens include the claims of its scopes, for applications that read nothing else.
    claims_in_id_token: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Whether its grants with ``openid`` end with the login; ``None`` depends on the kind of client.
    ends_with_login: Mapped[bool | None]
    #: Whether pages show its logo; ``None`` means only if it didn't register itself.
    shows_logo: Mapped[bool | None]
    #: Whether everybody's home page lists it; ``None`` means only if it has no owner. Never if it registered itself.
    is_listed: Mapped[bool | None]
    #: Whether it registered itself, with or without an initial access token (:rfc:`7591#section-5`).
    is_self_registered: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Whether only members of its groups may use it; by default everybody with an account.
    is_restricted: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The authentication context class that a login needs for it, ``2`` or ``phr``; ``None`` if any will do.
    required_acr: Mapped[str | None] = mapped_column(String(10))
    #: The claims that it gets in addition, as ``access/claim_map.py`` writes them.
    claim_maps: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    #: The SHA-256 of the token for managing its registration (:rfc:`7592#section-3`).
    registration_token_hash: Mapped[Digest | None]
    #: When it is deleted unless it gets a token first; ``None`` once it has one, and for other clients.
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
        # A disabled one is kept: a client with a metadata document could otherwise come back enabled.
        return and_(cls.unused_until < past, cls.disabled_at.is_(None))


class OAuth2ClientSecret(Base):
    """A client secret's SHA-256. After a rotation the previous one stays valid until ``expires_at``.

    If the client signs with its secret, the secret is also stored, encrypted, as a hash can't verify signatures.
    """

    __tablename__ = "oauth2_client_secret"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    client: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_client.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[Digest]
    encrypted_secret: Mapped[bytes | None]
    created_at: Mapped[UtcSeconds]
    expires_at: Mapped[UtcSeconds | None] = mapped_column(index=True)


class OAuth2ClientOrigin(Base):
    """An origin of a client's redirect URIs, whose pages may call the server (CORS).

    Written together with ``redirect_uris``, so that an origin can be found without reading any client.
    """

    __tablename__ = "oauth2_client_origin"

    #: As browsers write it: scheme and host in lower case, with a port only if it isn't the scheme's default.
    origin: Mapped[str] = mapped_column(String(2048), primary_key=True)
    client: Mapped[Identifier] = mapped_column(
        ForeignKey("oauth2_client.id", ondelete="CASCADE"), primary_key=True, index=True
    )
