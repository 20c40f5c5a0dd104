"""The keyring: all imported keys by purpose at one point in time, and their JWKS."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from joserfc.jwk import JWKRegistry
from joserfc.jwk import Key as OpenKey

from ..models.former_key import FormerKey
from ..models.key import CURRENT, DECRYPTING, NEXT, RETIRED, SEALING, SIGNING, Key
from .jws import SigningKey, import_public_key, public_part_of

#: Comes first in the key set: python-jose tries keys in order, and fails at the first one of a different type.
FIRST_PUBLISHED = "RS256"
STATES = (CURRENT, NEXT, RETIRED)


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A symmetric key; each token it seals contains its 8-character ``id``."""

    id: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class Keyring:
    """All imported keys at one point in time."""

    #: The current key of each algorithm; the first one is the default.
    signing: Mapping[str, SigningKey]
    #: The public part of every signing key by ``kid``, including next and retired keys.
    verifying: Mapping[str, OpenKey]
    sealing: SealingKey
    opening: Mapping[bytes, SealingKey]
    #: By ``kid``, including retired keys, as clients may have an older JWKS.
    decrypting: Mapping[str, OpenKey]
    #: The public part of every signing key removed from the key set, by ``kid``: only for ID token hints.
    former: Mapping[str, OpenKey]
    jwks: bytes
    #: When the first retired key expires.
    ends_at: float


class KeyringLoader:
    """Builds keyrings from rows, reusing imported keys: a rotation leaves most of them."""

    def __init__(self, decrypt: Callable[[bytes, str], bytes]) -> None:
        self._decrypt = decrypt
        self._signing: dict[str, SigningKey] = {}
        self._decrypting: dict[str, OpenKey] = {}

    def read(
        self, rows: Iterable[Key], former_rows: Iterable[FormerKey], signing_algorithms: Sequence[str], now: int
    ) -> Keyring | None:
        """Return the keyring of the rows, or ``None`` if there are no signing keys or no current sealing key."""
        all_rows = sorted(rows, key=partial(_place_of, signing_algorithms))
        rows = [row for row in all_rows if row.expires_at is None or row.expires_at > now]
        # Expired signing keys are former keys, even if they haven't been moved to their table yet.
        over = {row.id: row.public_jwk for row in all_rows if row not in rows and row.purpose == SIGNING}
        over |= {former_row.id: former_row.public_jwk for former_row in former_rows}
        private: dict[str, dict[str, Any]] = {}
        public: dict[str, dict[str, Any]] = {}
        published: list[dict[str, Any]] = []
        decrypting: dict[str, OpenKey] = {}
        sealing: SealingKey | None = None
        opening = {}
        for row in rows:
            secret = self._decrypt(row.encrypted_key, row.id)
            if row.purpose == SEALING:
                opened = SealingKey(row.id.encode(), secret)
                opening[opened.id] = opened
                sealing = opened if row.state == CURRENT else sealing
                continue
            key = json.loads(secret)
            if row.purpose == DECRYPTING:
                decrypting[row.id] = self._decrypting.get(row.id) or JWKRegistry.import_key(key)
                if row.state == CURRENT:  # clients shouldn't encrypt to next or retired keys
                    published.append(public_part_of(key))
                continue
            public[row.id] = public_part_of(key)
            if row.state == CURRENT:
                private[key["alg"]] = key
        if not public or sealing is None:
            return None
        used = {name: private[name] for name in signing_algorithms if name in private}
        signing = {name: self._signing.get(key["kid"]) or SigningKey(key) for name, key in used.items()}
        self._signing, self._decrypting = {key.kid: key for key in signing.values()}, decrypting
        jwks = json.dumps({"keys": [*public.values(), *published]}, separators=(",", ":"))
        return Keyring(
            signing,
            {key_id: import_public_key(key) for key_id, key in public.items()},
            sealing,
            opening,
            decrypting,
            {key_id: import_public_key(key) for key_id, key in over.items() if key is not None},
            jwks.encode(),
            ends_at=min((row.expires_at for row in rows if row.expires_at), default=math.inf),
        )


def _place_of(signing_algorithms: Sequence[str], row: Key) -> tuple[bool, int, int]:
    """Return a key's position in the key set: RS256 first, then in the setting's order; current keys before others."""
    names = list(signing_algorithms)
    place = names.index(row.algorithm) if row.algorithm in names else len(names)
    return row.algorithm != FIRST_PUBLISHED, place, STATES.index(row.state)
