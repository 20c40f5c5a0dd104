"""Base64url without padding (:rfc:`7515#section-2`): encoding, and decoding of exactly what encoding gives."""

from __future__ import annotations

import binascii

_ENCODED = bytes.maketrans(b"+/", b"-_")
#: Base64url as Python's decoder reads it; characters of other alphabets become invalid.
_DECODED = bytes.maketrans(b"-_+/=", b"+/   ")
#: The last character by the length modulo 4: its unused bits are zero in the canonical encoding.
_CANONICAL_ENDS = {0: "", 2: "AQgw", 3: "AEIMQUYcgkosw048"}


def encode(raw: bytes) -> str:
    """Return bytes as text."""
    return binascii.b2a_base64(raw, newline=False).translate(_ENCODED).rstrip(b"=").decode()


def decode(text: str) -> bytes | None:
    """Return the bytes of a text; ``None`` for any text that :func:`encode` doesn't return."""
    ends = _CANONICAL_ENDS.get(len(text) % 4)
    if ends is None or (ends and text[-1] not in ends):
        return None
    try:
        encoded = text.encode("ascii").translate(_DECODED)
        return binascii.a2b_base64(encoded + b"=" * (-len(encoded) % 4), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
