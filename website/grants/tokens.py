"""Access tokens and refresh tokens: their contents and their sealed format.

A sealed token is ``prefix + base64url(version | key id | salt | nonce | ciphertext)``. It isn't stored, and only this
server can read or change it. Prefix and issuer are authenticated too.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .. import base64url, scopes
from ..compact_json import read_own_json, write_json
from ..forked_child import renew_in_child
from ..keys import Keys
from ..keys.keyring import SealingKey

#: The form that access tokens have where nothing else is chosen.
SEALED = "sealed"
ACCESS_TOKEN_PREFIX = "gwat_"
REFRESH_TOKEN_PREFIX = "gwrt_"
VERSION = b"\x01"
KEY_ID_BYTES, SALT_BYTES, NONCE_BYTES = 8, 16, 12
HEAD_BYTES = len(VERSION) + KEY_ID_BYTES + SALT_BYTES + NONCE_BYTES
MAX_TOKEN_CHARACTERS = 16 * 1024
#: How many fields of an access token are sealed into it.
SEALED_FIELDS = 10
#: The maximum number of tokens per subkey, far below the birthday bound of random nonces.
MAX_SEALS = 2**30
MAX_CACHED_SUBKEYS = 256


class AccessToken(NamedTuple):
    """The contents of an access token. ``client`` is the client's row, as a client_id may be reused."""

    jti: str
    client: str
    grant: str | None
    subject: str | None
    scope: str
    audience: tuple[str, ...]
    issued_at: int
    expires_at: int
    client_epoch: int
    subject_epoch: int
    #: When and how its user logged in: its grant's, so not sealed into it.
    auth_time: int | None = None
    acr: str | None = None

    def within(self, allowed: Collection[str]) -> AccessToken:
        """Return the token with its scope limited to the allowed values."""
        if set(scopes.split(self.scope)).issubset(allowed):
            return self
        return self._replace(scope=scopes.within(self.scope, allowed))


class RefreshToken(NamedTuple):
    """The contents of a refresh token: its grant, and which of the grant's refresh tokens it is.

    ``resources`` are the APIs of the grant, as in ``resource_scopes.py``: they never change, so a request for another
    one is rejected without using the token or reading anything.
    """

    grant: str
    generation: int
    resources: tuple[str, ...] = ()


class AccessTokenFormat(Protocol):
    """A format of access tokens; specifications can add one."""

    def write(self, token: AccessToken, issuer: str) -> str:
        """Return the token's text."""
        ...

    def read(self, text: str) -> AccessToken | None:
        """Return the contents of an authentic token in this format, else ``None``. Doesn't check its expiry."""
        ...


class Sealer:
    """Seals and opens byte strings with the keys of the database."""

    def __init__(self, keys: Keys, associated_issuer: str) -> None:
        self._keys = keys
        prefixes = ACCESS_TOKEN_PREFIX, REFRESH_TOKEN_PREFIX
        self._associated = {prefix: (prefix + associated_issuer).encode() for prefix in prefixes}
        self._subkeys: dict[bytes, AESGCM] = {}
        self._renew()
        renew_in_child(self)

    def leave_to_parent(self) -> None:
        """Seal with a new salt: a forked worker must not share its parent's salt and count."""
        self._renew()

    def _renew(self) -> None:
        self._salt = os.urandom(SALT_BYTES)
        self._seals = 0

    def seal(self, prefix: str, content: bytes) -> str:
        self._seals += 1
        if self._seals > MAX_SEALS:
            self._renew()
        salt, key, nonce = self._salt, self._keys.keyring.sealing, os.urandom(NONCE_BYTES)
        ciphertext = self._subkey(key, salt).encrypt(nonce, content, self._associated[prefix])
        whole = b"".join((VERSION, key.id, salt, nonce, ciphertext))
        return prefix + base64url.encode(whole)

    def open(self, prefix: str, text: str) -> bytes | None:
        """Return the content, or ``None`` if the text isn't exactly what :meth:`seal` returned."""
        if not text.startswith(prefix) or len(text) > MAX_TOKEN_CHARACTERS:
            return None
        whole = base64url.decode(text[len(prefix) :])
        if whole is None or len(whole) <= HEAD_BYTES or whole[:1] != VERSION:
            return None
        key = self._keys.find_opening_key(whole[1:9])
        if key is None:
            return None
        salt, nonce = whole[9:25], whole[25:HEAD_BYTES]
        known = self._subkeys.get(key.id + salt)
        subkey = known or _derive(key, salt)
        try:
            content = subkey.decrypt(nonce, whole[HEAD_BYTES:], self._associated[prefix])
        except InvalidTag:
            return None
        if known is None:
            self._keep(key.id + salt, subkey)  # only of authentic ones, so that forged salts can't fill the cache
        return content

    def _subkey(self, key: SealingKey, salt: bytes) -> AESGCM:
        name = key.id + salt
        subkey = self._subkeys.get(name)
        if subkey is None:
            subkey = _derive(key, salt)
            self._keep(name, subkey)
        return subkey

    def _keep(self, name: bytes, subkey: AESGCM) -> None:
        if name not in self._subkeys and len(self._subkeys) >= MAX_CACHED_SUBKEYS:
            self._subkeys = {}
        self._subkeys[name] = subkey


def _derive(key: SealingKey, salt: bytes) -> AESGCM:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"grantwright sealed token")
    return AESGCM(derivation.derive(key.secret))


class SealedFormat:
    """Access tokens in the sealed format."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def write(self, token: AccessToken, issuer: str) -> str:
        return self._sealer.seal(ACCESS_TOKEN_PREFIX, write_json(token[:SEALED_FIELDS]))

    def read(self, text: str) -> AccessToken | None:
        content = self._sealer.open(ACCESS_TOKEN_PREFIX, text)
        if content is None:
            return None
        values = read_own_json(content)
        values[5] = tuple(values[5])
        return AccessToken(*values)


class Tokens:
    """Creates and reads tokens in every registered format."""

    def __init__(self, keys: Keys, associated_issuer: str, formats: Mapping[str, AccessTokenFormat]) -> None:
        """``formats`` are the forms of access tokens by name, which registrations fill, :data:`SEALED` among them."""
        self._sealer = Sealer(keys, associated_issuer)
        self.sealed = SealedFormat(self._sealer)
        self._formats = formats

    def write_access_token(self, token: AccessToken, token_format: str, issuer: str) -> str:
        """Return the token's text; sealed if its format is disabled."""
        return self._formats.get(token_format, self.sealed).write(token, issuer)

    def read_access_token(self, text: str) -> AccessToken | None:
        """Return the contents of an authentic access token in any format."""
        for token_format in self._formats.values():
            token = token_format.read(text)
            if token is not None:
                return token
        return None

    def write_refresh_token(self, token: RefreshToken) -> str:
        # Without APIs as nodes of the former release write and read it.
        return self._sealer.seal(REFRESH_TOKEN_PREFIX, write_json(token if token.resources else token[:2]))

    def read_refresh_token(self, text: str) -> RefreshToken | None:
        content = self._sealer.open(REFRESH_TOKEN_PREFIX, text)
        if content is None:
            return None
        grant, generation, *resources = read_own_json(content)
        return RefreshToken(grant, generation, *map(tuple, resources))
