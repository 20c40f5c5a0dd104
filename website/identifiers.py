"""Random, URL-safe identifiers and secrets, never reused."""

import hashlib
import os

from . import base64url

CLIENT_SECRET_PREFIX = "gwcs_"
AUTHORIZATION_CODE_PREFIX = "gwac_"
DEVICE_CODE_PREFIX = "gwdc_"
INITIAL_ACCESS_TOKEN_PREFIX = "gwia_"
REGISTRATION_ACCESS_TOKEN_PREFIX = "gwra_"
INVITATION_PREFIX = "gwin_"
PASSWORD_LINK_PREFIX = "gwpl_"  # noqa: S105 - a prefix, not a secret
EMAIL_LINK_PREFIX = "gwel_"


def new_identifier() -> str:
    """Return a new identifier of 128 random bits, 22 characters."""
    return base64url.encode(os.urandom(16))


def new_secret(prefix: str = "") -> str:
    """Return a new secret of 256 random bits; the prefix lets secret scanners recognize it."""
    return prefix + base64url.encode(os.urandom(32))


def hash_secret(secret: str) -> str:
    """Return the stored hash of a secret in hexadecimal: for 256 random bits a plain SHA-256 is enough.

    Accepts any text from a request, including lone surrogates, whose hash matches nothing.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
