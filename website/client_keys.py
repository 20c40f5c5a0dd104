"""Owns the keys of clients: their public ones, by value or by reference, and the secrets by which some of them sign.

Keys by reference are fetched when they are needed, kept for a while, and fetched once more where a client names one
that is not among them: so that it can take new keys into use without telling anybody.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, OctKey

from . import clock
from .client import Client
from .encrypting import KEY_ALGORITHMS
from .encryption import KeyEncryption
from .logs import get_logger
from .outbound import Outbound, OutboundError
from .redirect_uris import is_web_address
from .settings import SettingsError
from .signing import BY_SECRET, JWT, KEYS_OF_CLIENTS, read_unverified, verify_of_client
from .strict_json import MalformedJSONError, read_object

JWKS_FIELD, JWKS_URI_FIELD = "jwks", "jwks_uri"
CACHE_SECONDS = 900.0
#: An unknown key has the document fetched anew, but not more often than this.
LEAST_SECONDS_BETWEEN = 1.0
MAX_KEPT = 1000
MAX_KEYS = 20
MIN_RSA_BITS = 2048
CURVES = {"EC": ("P-256", "P-384", "P-521"), "OKP": ("Ed25519",)}
#: Members that only a private or a symmetric key has.
PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
log = get_logger("grantwright.client_keys")


@dataclass(frozen=True, slots=True)
class KeySet:
    """The public keys of one client, opened, and when they were read; ``source`` is what they were read from."""

    keys: Sequence[Key]
    read_at: float
    source: object


class ClientKeys:
    """Finds the keys of clients, and verifies by them."""

    def __init__(self, outbound: Outbound, encryption: KeyEncryption) -> None:
        self._outbound = outbound
        self._encryption = encryption
        self._kept: dict[str, KeySet] = {}
        self._lock = threading.Lock()

    def verify(self, client: Client, text: str, algorithms: Collection[str]) -> JWT | None:
        """Return what a JWT says that the client signed by one of the algorithms; ``None`` for any other text.

        Nothing in the header chooses a key but ``kid``, and that only among the client's own. Type, issuer, audience
        and times are the caller's to judge. It may fetch, and so must not be called within a transaction.
        """
        unverified = read_unverified(text)
        header = unverified.header if unverified else {}
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in algorithms or not isinstance(key_id, (str, type(None))):
            return None
        keys = self._secrets(client) if algorithm in BY_SECRET else self._find(client, algorithm, key_id)
        for key in keys:
            token = verify_of_client(text, key, algorithm)
            if token is not None:
                return token
        return None

    def newest_secret(self, client: Client) -> Key | None:
        """Return the secret by which the client verifies what is signed for it."""
        return next(iter(self._secrets(client)), None)

    def find_encryption_key(self, client: Client, key_algorithm: str) -> Key | None:
        """Return the key to which what is written for a client is encrypted. It may fetch, as :meth:`verify` may."""
        return next(iter(_encrypting(self._read(client), key_algorithm)), None)

    def may_have_encryption_key(self, metadata: Mapping[str, Any], key_algorithm: str) -> bool:
        """Tell whether a registration has a key for it; of keys by reference nobody knows before they are needed."""
        if JWKS_URI_FIELD in metadata:
            return True
        document = metadata.get(JWKS_FIELD)
        keys = document.get("keys") if isinstance(document, dict) else None
        opened = map(_open, keys if isinstance(keys, list) else ())
        return bool(_encrypting([key for key in opened if key is not None], key_algorithm))

    def _secrets(self, client: Client) -> list[Key]:
        """Return the client's secrets as keys, the newest first (OpenID Connect Core 1.0, section 10.1)."""
        present = clock.now()
        held = [secret for secret in client.encrypted_secrets if secret[2] is None or secret[2] > present]
        try:
            return [OctKey.import_key(self._encryption.decrypt(text, row_id)) for row_id, text, _ends in reversed(held)]
        except SettingsError:
            log.error("a client's secret is under a key-encryption key that is not at hand", client=client.id)
            return []

    def _find(self, client: Client, algorithm: str, key_id: str | None) -> list[Key]:
        keys = _fitting(self._read(client), algorithm, key_id)
        return keys or _fitting(self._read(client, anew=True), algorithm, key_id)

    def _read(self, client: Client, anew: bool = False) -> Sequence[Key]:
        uri, present = client.metadata.get(JWKS_URI_FIELD), time.monotonic()
        source: object = uri or client.metadata.get(JWKS_FIELD)
        if source is None:
            return ()
        kept = self._kept.get(client.id)
        longest = LEAST_SECONDS_BETWEEN if anew and uri else CACHE_SECONDS
        if kept is not None and kept.source == source and (not uri or kept.read_at + longest > present):
            return kept.keys
        try:
            document = read_object(self._outbound.fetch(uri)) if uri else client.metadata[JWKS_FIELD]
            keys = [key for key in map(_open, document.get("keys") or ()) if key is not None][:MAX_KEYS]
        except (OutboundError, MalformedJSONError, TypeError) as error:
            log.warning("a client's keys cannot be fetched", client=client.id, reason=str(error))
            return kept.keys if kept is not None and kept.source == source else ()
        with self._lock:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[client.id] = KeySet(keys, present, source)
        return keys


def find_jwks_problem(value: Any, metadata: Mapping[str, Any]) -> str:
    """Say what is wrong with keys that a client registers by value (:rfc:`7517#section-5`)."""
    if JWKS_URI_FIELD in metadata:
        return "Register the keys themselves or their address, not both."
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        return f"Write a JWK Set: an object whose member 'keys' is a list of 1 to {MAX_KEYS} keys."
    return next(filter(None, map(_find_key_problem, keys)), "")


def find_jwks_uri_problem(value: Any, metadata: Mapping[str, Any]) -> str:
    """Say what is wrong with the address of a client's keys."""
    return "" if is_document_address(value) else "Write an address that begins with https://."


def is_document_address(value: Any) -> bool:
    """Tell whether a client may name an address from which this server is to fetch something."""
    # Plain http is refused when it comes to fetching; the demo alone may take it.
    return isinstance(value, str) and is_web_address(value) and "@" not in value


#: The fields by which a client registers its keys, each with its judge.
KEY_FIELDS = {JWKS_FIELD: find_jwks_problem, JWKS_URI_FIELD: find_jwks_uri_problem}


def _find_key_problem(key: Any) -> str:
    if not isinstance(key, dict) or not isinstance(key.get("kty"), str):
        return "Each key is a JWK: an object with 'kty'."
    if PRIVATE_MEMBERS & key.keys():
        return "This is a private or secret key. Make a new one, and send its public part alone."
    return "" if _open(key) is not None else "A key is malformed, or too weak: RSA has 2048 bits or more."


def _open(jwk: Any) -> Key | None:
    """Return a public key that is strong enough; ``None`` for anything else, as of a kind that is not known here."""
    if not isinstance(jwk, dict) or PRIVATE_MEMBERS & jwk.keys():
        return None
    if not all(isinstance(jwk.get(name, ""), str) for name in ("kty", "kid", "use", "alg", "crv", "n", "e", "x", "y")):
        return None
    kind = jwk.get("kty")
    if kind == "RSA" and _bits_of(jwk.get("n", "")) < MIN_RSA_BITS:
        return None
    if kind != "RSA" and jwk.get("crv") not in CURVES.get(str(kind), ()):
        return None
    # Certificates and what the key may be used for beside are not judged here, and are not believed either.
    plain = {name: jwk[name] for name in ("kty", "kid", "use", "alg", "crv", "n", "e", "x", "y") if name in jwk}
    try:
        key: Key = JWKRegistry.import_key(plain)
        _ = key.raw_value  # opened now, so that a malformed one is found here
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key


def _bits_of(number: str) -> int:
    try:
        return int.from_bytes(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4))).bit_length()
    except ValueError:
        return 0


def _fitting(keys: Iterable[Key], algorithm: str, key_id: str | None) -> list[Key]:
    """Return the keys that may have signed: of the algorithm's kind, for signatures, and of that id if one is named."""
    kind, curve = KEYS_OF_CLIENTS[algorithm]
    return [
        key
        for key in keys
        if key.key_type == kind
        and key.get("crv", "") == curve
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") in (key_id, None))
    ]


def _encrypting(keys: Iterable[Key], key_algorithm: str) -> list[Key]:
    """Return the keys to which one may encrypt: of the algorithm's kind, and not for signatures."""
    return [
        key
        for key in keys
        if key.key_type == KEY_ALGORITHMS[key_algorithm]
        and key.get("use", "enc") == "enc"
        and key.get("alg", key_algorithm) == key_algorithm
    ]
