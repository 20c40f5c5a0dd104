"""The encryption of keys at rest with a key-encryption key from the settings."""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..settings import SettingsError

NONCE_BYTES = 12
KEY_BYTES = 32
KEY_SETTING, FALLBACKS_SETTING = "OAUTH2_KEY_ENCRYPTION_KEY", "OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS"


class KeyEncryption:
    """Encrypts with the first key and decrypts with any, so that fallbacks can decrypt older data."""

    def __init__(self, key: str, fallbacks: list[str]) -> None:
        opened = [decode_key(key, KEY_SETTING), *(decode_key(text, FALLBACKS_SETTING) for text in fallbacks)]
        self._ciphers = [AESGCM(secret) for secret in opened]

    def encrypt(self, secret: bytes, key_id: str) -> bytes:
        """Return nonce and ciphertext, bound to the id of the encrypted key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, secret, key_id.encode())

    def decrypt(self, encrypted: bytes, key_id: str) -> bytes:
        """Return the key. Raises :class:`SettingsError` if none of the key-encryption keys can decrypt it."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], key_id.encode())
            except InvalidTag:
                continue
        raise SettingsError(
            f"{KEY_SETTING}: can't decrypt the keys in this database; add the previous value to {FALLBACKS_SETTING}."
        )


def decode_key(text: str, setting: str) -> bytes:
    """Return the 32 bytes of a key-encryption key. Raises :class:`SettingsError` naming the setting."""
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{setting}: write 32 random bytes in base64url.")
    return key


def new_key() -> str:
    """Return a new key-encryption key in the format of the setting."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).rstrip(b"=").decode()
