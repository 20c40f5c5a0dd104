"""Clients' keys: public keys by value or by reference, and secrets that some clients sign with.

Keys by reference are fetched when needed, cached for a while, and fetched again if a client uses an unknown one, so
that clients can rotate their keys without notice.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from authlib.oauth2 import OAuth2Error
from joserfc.jwk import Key, OctKey

from .. import clock
from ..bounded_cache import BoundedCache, size_of
from ..keys import KeyEncryption
from ..keys.jwe import KEY_ALGORITHMS
from ..keys.jws import BY_SECRET, JWT, KEYS_OF_CLIENTS, read_unverified, verify_of_client
from ..logs import get_logger
from ..outbound import Outbound
from ..outbound_errors import OutboundBusyError, OutboundError, OutboundFailedLatelyError
from ..settings import SettingsError
from ..strict_json import MalformedJSONError, read_object
from .client import Client
from .client_jwks import JWKS_FIELD, JWKS_URI_FIELD, open_keys

CACHE_SECONDS = 900.0
#: The minimum interval between fetches because of an unknown key.
LEAST_SECONDS_BETWEEN = 1.0
#: The maximum memory for all cached keys in a process, and the memory of one imported key.
MAX_CACHED_BYTES, BYTES_OF_A_KEY = 16 * 1024 * 1024, 6 * 1024
#: The maximum number of matching keys to try for a signature.
MAX_TRIED = 2
log = get_logger("grantwright.client_keys")


class ClientKeysUnavailableError(OAuth2Error):
    """The client's keys can't be fetched at the moment, so its signature can't be verified yet."""

    error = "temporarily_unavailable"
    description = "The client's keys can't be fetched from its jwks_uri at the moment. Try again in a moment."
    status_code = 503


@dataclass(frozen=True, slots=True)
class KeySet:
    """The imported public keys of one client, with their source and the time they were read."""

    keys: Sequence[Key]
    read_at: float
    source: object


class ClientKeys:
    """Finds clients' keys, and verifies signatures with them."""

    def __init__(self, outbound: Outbound, encryption: KeyEncryption) -> None:
        self._outbound = outbound
        self._encryption = encryption
        self._kept: BoundedCache[str, KeySet] = BoundedCache(MAX_CACHED_BYTES)

    def verify(self, client: Client, text: str, algorithms: Collection[str]) -> JWT | None:
        """Return the contents of a JWT signed by the client with one of the algorithms, or ``None`` for any other text.

        Only ``kid`` in the header selects a key, among the client's own; at most two keys are tried. The caller must
        check type, issuer, audience and times. It may fetch keys, so don't call it in a transaction. Raises
        :class:`ClientKeysUnavailableError`.
        """
        unverified = read_unverified(text)
        header = unverified.header if unverified else {}
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in algorithms or not isinstance(key_id, (str, type(None))):
            return None
        keys = self._secrets(client) if algorithm in BY_SECRET else self._find(client, algorithm, key_id)[:MAX_TRIED]
        for key in keys:
            token = verify_of_client(text, key, algorithm)
            if token is not None:
                return token
        return None

    def newest_secret(self, client: Client) -> Key | None:
        """Return the secret that the client uses to verify JWTs signed for it."""
        return next(iter(self._secrets(client)), None)

    def find_encryption_key(self, client: Client, key_algorithm: str) -> Key | None:
        """Return the key to encrypt to for a client. It may fetch keys, like :meth:`verify`.

        Raises :class:`ClientKeysUnavailableError`.
        """
        keys = _encrypting(self._read(client), key_algorithm)
        return next(iter(keys or _encrypting(self._read(client, anew=True), key_algorithm)), None)

    def may_have_encryption_key(self, metadata: Mapping[str, Any], key_algorithm: str) -> bool:
        """Tell whether a registration has a suitable key; keys by reference are only known later."""
        if JWKS_URI_FIELD in metadata:
            return True
        return bool(_encrypting(open_keys(metadata.get(JWKS_FIELD)), key_algorithm))

    def _secrets(self, client: Client) -> list[Key]:
        """Return the client's secrets as keys, newest first (OpenID Connect Core 1.0, section 10.1)."""
        now = clock.now()
        rows = [secret for secret in client.encrypted_secrets if secret[2] is None or secret[2] > now]
        try:
            return [OctKey.import_key(self._encryption.decrypt(text, row_id)) for row_id, text, _ends in reversed(rows)]
        except SettingsError:
            log.error(
                "a client's secret can't be decrypted with the configured key-encryption keys", client=client.client_id
            )
            return []

    def _find(self, client: Client, algorithm: str, key_id: str | None) -> list[Key]:
        keys = _fitting(self._read(client), algorithm, key_id)
        return keys or _fitting(self._read(client, anew=True), algorithm, key_id)

    def _read(self, client: Client, anew: bool = False) -> Sequence[Key]:
        uri, now = client.metadata.get(JWKS_URI_FIELD), time.monotonic()
        source: object = uri or client.metadata.get(JWKS_FIELD)
        if source is None:
            return ()
        kept = self._kept.get(client.id)
        longest = LEAST_SECONDS_BETWEEN if anew and uri else CACHE_SECONDS
        if kept is not None and kept.source == source and (not uri or kept.read_at + longest > now):
            return kept.keys
        try:
            document = read_object(self._outbound.fetch(uri)) if uri else client.metadata[JWKS_FIELD]
            keys = open_keys(document)
        except (OutboundError, MalformedJSONError) as error:
            is_busy = isinstance(error, (OutboundBusyError, OutboundFailedLatelyError))
            # Nothing was sent then, and the reason was logged when it arose.
            note = log.debug if is_busy else log.warning
            note("a client's keys can't be fetched", client=client.client_id, reason=str(error))
            has_former = kept is not None and kept.source == source
            if isinstance(error, OutboundError) and error.is_temporary and (anew or not has_former):
                raise ClientKeysUnavailableError from None
            return kept.keys if kept is not None and has_former else ()
        size = size_of(source) + sum(BYTES_OF_A_KEY + size_of(key.as_dict(private=False)) for key in keys)
        self._kept.put(client.id, KeySet(keys, now, source), size)
        return keys


def _fitting(keys: Iterable[Key], algorithm: str, key_id: str | None) -> list[Key]:
    """Return the keys for verifying: of the algorithm's kind, for signatures, and with the given id if there is one.

    Keys with the id come first; a key without an id may match too.
    """
    kind, curve = KEYS_OF_CLIENTS[algorithm]
    fitting = [
        key
        for key in keys
        if key.key_type == kind
        and key.get("crv", "") == curve
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") in (key_id, None))
    ]
    return sorted(fitting, key=lambda key: key.get("kid") != key_id)


def _encrypting(keys: Iterable[Key], key_algorithm: str) -> list[Key]:
    """Return the keys for encrypting: of the algorithm's kind, and not for signatures."""
    return [
        key
        for key in keys
        if key.key_type == KEY_ALGORITHMS[key_algorithm]
        and key.get("use", "enc") == "enc"
        and key.get("alg", key_algorithm) == key_algorithm
    ]
