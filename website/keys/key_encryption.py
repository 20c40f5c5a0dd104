"""Owns the encryption of keys at rest, under a key-encryption key of its own setting."""

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
    """Encrypts with the first key, decrypts with any: a fallback opens what a former key closed."""

    def __init__(self, key: str, fallbacks: list[str]) -> None:
        opened = [decode_key(key, KEY_SETTING), *(decode_key(text, FALLBACKS_SETTING) for text in fallbacks)]
        self._ciphers = [AESGCM(secret) for secret in opened]

    def encrypt(self, secret: bytes, key_id: str) -> bytes:
        """Return nonce and ciphertext, bound to the id of the key that is encrypted."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, secret, key_id.encode())

    def decrypt(self, encrypted: bytes, key_id: str) -> bytes:
        """Return the key. Raises :class:`SettingsError` when no key-encryption key at hand opens it."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], key_id.encode())
            except InvalidTag:
                continue
        raise SettingsError(
            f"{KEY_SETTING}: does not open the keys in this database; put the former value into {FALLBACKS_SETTING}."
        )


def decode_key(text: str, setting: str) -> bytes:
    """Return the 32 bytes of a key-encryption key. Raises :class:`SettingsError`, naming the setting."""
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{setting}: write 32 random bytes as base64url.")
    return key


def new_key() -> str:
    """Return a fresh key-encryption key, as the setting takes it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).rstrip(b"=").decode()
