"""The table of passkeys: WebAuthn credentials with which people log in."""

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Identifier, UtcSeconds


class Passkey(Base):
    """A public key credential of one account (Web Authentication, Level 3, section 4: credential record)."""

    __tablename__ = "oauth2_passkey"

    id: Mapped[Identifier] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("oauth2_user.id", ondelete="CASCADE"), index=True)
    #: The authenticator's identifier of the credential, at most 1,023 bytes, in base64url.
    credential_id: Mapped[str] = mapped_column(String(1364), unique=True)
    #: As a COSE key (:rfc:`9052#section-7`) in base64url.
    public_key: Mapped[str] = mapped_column(Text)
    #: The domain that the authenticator bound the credential to. It works for no other.
    rp_id: Mapped[str] = mapped_column(String(253))
    #: Random, and the same for all passkeys of an account, so that an authenticator keeps one of each.
    user_handle: Mapped[str] = mapped_column(String(43))
    #: How often the authenticator says that the key has signed; always 0 if it doesn't count.
    sign_count: Mapped[int] = mapped_column(BigInteger)
    #: How a browser can reach the authenticator, such as ``usb``; it is told when it has to find this passkey.
    transports: Mapped[list[str]] = mapped_column(JSON)
    #: Whether the key may be copied to other devices, as password managers do; never changes.
    is_backup_eligible: Mapped[bool] = mapped_column(Boolean)
    #: Whether it was copied when it was last used.
    is_backed_up: Mapped[bool] = mapped_column(Boolean)
    #: The model of the authenticator as it says itself, unverified.
    aaguid: Mapped[str] = mapped_column(String(36))
    #: The person's own name for it.
    name: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[UtcSeconds]
    last_used_at: Mapped[UtcSeconds | None]
