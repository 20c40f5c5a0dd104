"""The tables of resource servers (APIs), their scopes, and what clients may do there."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, Identifier, ScopeText, UtcSeconds


class OAuth2Resource(Base):
    """An API that clients request tokens for (:rfc:`8707`). It stays until it's deleted, so it isn't pruned."""

    __tablename__ = "oauth2_resource"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    #: As registered, and as in the audience of tokens. It never changes.
    identifier: Mapped[str] = mapped_column(String(2048))
    #: The identifier without the differences that matching ignores, so that no two APIs match the same request.
    matching_key: Mapped[str] = mapped_column(String(2048), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    #: ``sealed`` or ``jwt`` (:rfc:`9068`).
    access_token_format: Mapped[str] = mapped_column(String(10))
    #: The algorithm for signing its JWT access tokens.
    access_token_alg: Mapped[str] = mapped_column(String(10))
    #: ``at+jwt``, or ``JWT`` for verifiers from before :rfc:`9068`.
    access_token_typ: Mapped[str] = mapped_column(String(10))
    #: The lifetime of its access tokens; ``None`` means the server's.
    access_token_seconds: Mapped[int | None]
    #: Whether unverified clients (registered by themselves, or owned by somebody who isn't an operator) may ask people
    #: for tokens for it; for which scopes is said there.
    is_open: Mapped[bool]
    #: Tokens and grants from before don't count: they were for an API with this identifier that has been deleted.
    created_at: Mapped[UtcSeconds]

    scopes: Mapped[list["OAuth2ResourceScope"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="OAuth2ResourceScope.place"
    )


class OAuth2ResourceScope(Base):
    """A scope of an API."""

    __tablename__ = "oauth2_resource_scope"

    resource: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_resource.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[str] = mapped_column(String(100), primary_key=True)
    #: Its text on the consent page.
    description: Mapped[str] = mapped_column(String(255))
    #: Whether unverified clients may ask people for it.
    is_open: Mapped[bool]
    #: Its position in lists, from 0.
    place: Mapped[int]


class OAuth2ResourceClient(Base):
    """What an operator allows a client at an API, in addition to what people allow it."""

    __tablename__ = "oauth2_resource_client"

    resource: Mapped[Identifier] = mapped_column(ForeignKey("oauth2_resource.id", ondelete="CASCADE"), primary_key=True)
    client: Mapped[Identifier] = mapped_column(
        ForeignKey("oauth2_client.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    #: The scopes it may request for itself, with client_credentials, or with a person's password; an unverified client
    #: may also ask people for them. ``None`` means none of this.
    scope: Mapped[ScopeText | None]
    #: Whether it may introspect the API's tokens (:rfc:`7662`).
    may_introspect: Mapped[bool]
