"""The server's keys in use: signing, verifying and decrypting with them, and reloading them when they change."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select

from .. import clock
from ..audit import Audit
from ..database import Database
from ..database.cache_invalidation import KEYS, CacheInvalidation
from ..models.former_key import FormerKey
from ..models.key import DECRYPTING, SIGNING, Key
from .jwe import decrypt
from .jws import JWT, verify
from .key_encryption import KeyEncryption
from .key_rotation import KeyChanges, KeysMissingError
from .keyring import Keyring, KeyringLoader, SealingKey


class AlgorithmNotInUseError(LookupError):
    """The requested signature algorithm is not in OAUTH2_SIGNING_ALGORITHMS."""


class Keys(KeyChanges):
    """The keys of one database, cached until they change. ``key_rotation.py`` has the methods that change them."""

    def __init__(
        self,
        database: Database,
        encryption: KeyEncryption,
        changes: CacheInvalidation,
        audit: Audit,
        signing_algorithms: Sequence[str],
        decryption_algorithms: Sequence[str],
    ) -> None:
        super().__init__(database, encryption, changes, audit, signing_algorithms, decryption_algorithms)
        self._reader = KeyringLoader(encryption.decrypt)
        self._keyring: Keyring | None = None
        #: How often the keyring was forgotten.
        self._version = 0
        self._lock = threading.Lock()
        changes.on_change(KEYS, self._forget)

    def _forget(self, _changed: Collection[str] | None = None) -> None:
        with self._lock:
            self._keyring = None
            self._version += 1

    @property
    def keyring(self) -> Keyring:
        """The current keyring, at most a second behind other nodes. Raises :class:`KeysMissingError`."""
        self._cache_invalidation.check()
        keyring = self._keyring
        if keyring is None or keyring.ends_at <= clock.now():
            version, keyring = self._version, self._read()
            with self._lock:
                if version == self._version:
                    self._keyring = keyring  # else it was read before a change
        return keyring

    def check(self) -> None:
        """Import every key. Raises :class:`KeysMissingError` if one is missing, and :class:`SettingsError`."""
        keyring = self.keyring
        missing = [algorithm for algorithm in self._algorithms[SIGNING] if algorithm not in keyring.signing]
        if self._algorithms[DECRYPTING] and not keyring.decrypting:
            missing += self._algorithms[DECRYPTING]
        if missing:
            raise KeysMissingError(missing)

    def load(self) -> None:
        """Read the keys now, unless they are cached, so that a step that must not fail finds them in memory.

        Raises :class:`KeysMissingError` and ``DatabaseUnavailableError``.
        """
        _keyring = self.keyring

    def signs_by(self, algorithm: str) -> bool:
        """Tell whether an algorithm is in use for signatures."""
        return algorithm in self._algorithms[SIGNING]

    def find_opening_key(self, key_id: bytes) -> SealingKey | None:
        """Return the sealing key with an id."""
        return self.keyring.opening.get(key_id)

    def sign(self, typ: str | None, claims: dict[str, Any], algorithm: str = "") -> str:
        """Sign a JWT with the current key of an algorithm, by default the first one in the setting.

        ``typ`` is for the header; ``None`` omits it. Nothing is added to the claims. Raises
        :class:`AlgorithmNotInUseError`, :class:`KeysMissingError`, and ``ValueError`` or ``TypeError`` for claims that
        aren't serializable as JSON.
        """
        chosen = algorithm or self._algorithms[SIGNING][0]
        key = self.keyring.signing.get(chosen)
        if key is None:
            raise KeysMissingError([chosen]) if chosen in self._algorithms[SIGNING] else AlgorithmNotInUseError(chosen)
        return key.sign(typ, claims)

    def verify(self, text: str) -> JWT | None:
        """Return the contents of a JWT signed by any of our keys, or ``None`` for any other text.

        Each key has its own algorithm. The caller must check type, issuer and times, as one key signs several kinds of
        JWTs.
        """
        return verify(text, self.keyring.verifying)

    def verify_by_former(self, text: str) -> JWT | None:
        """Return the contents of a JWT signed by a key removed from the key set, or ``None`` for any other text.

        Only for ID token hints: everything else signed by such a key has expired.
        """
        return verify(text, self.keyring.former)

    def decrypt(self, text: str) -> str | None:
        """Decrypt a JWE that was encrypted to one of our keys; return ``None`` for any other text."""
        return decrypt(text, self.keyring.decrypting)

    def _read(self) -> Keyring:
        with self._database.reading() as session:
            rows = session.scalars(select(Key).order_by(Key.created_at, Key.id)).all()
            former_rows = session.scalars(select(FormerKey)).all()
        keyring = self._reader.read(rows, former_rows, self._algorithms[SIGNING], clock.now())
        if keyring is None:
            raise KeysMissingError
        return keyring
