"""An authenticator in software: it creates passkeys and signs with them, rightly or as an attacker would."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from website import base64url

ES256, EDDSA, RS256 = -7, -8, -257
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class Credential:
    """A credential as an authenticator keeps it."""

    id: bytes
    rp_id: str
    user_handle: str
    key: Any
    algorithm: int
    sign_count: int = 0


@dataclass
class SoftwareAuthenticator:
    """An authenticator together with the browser that it is used in, which says the origin."""

    origin: str = "https://id.example"
    algorithm: int = ES256
    verifies_user: bool = True
    is_synchronized: bool = False
    #: Whether it counts its signatures; those of phones and password managers don't.
    counts: bool = True
    id_bytes: int = 32
    rsa_bits: int = 2048
    credentials: list[Credential] = field(default_factory=list)
    #: Members of the client data besides the usual ones.
    client_data: dict[str, Any] = field(default_factory=dict)

    def create(self, options: dict[str, Any], **changed: Any) -> str:
        """Answer the options for a new passkey; ``changed`` replaces what is signed (``origin``, ``rp_id``, …)."""
        key = _new_key(self.algorithm, self.rsa_bits)
        rp_id = options["rp"]["id"]
        credential = Credential(secrets.token_bytes(self.id_bytes), rp_id, options["user"]["id"], key, self.algorithm)
        self.credentials.append(credential)
        public_key = cbor2.dumps(_cose_of(key, self.algorithm))
        attested = bytes(16) + len(credential.id).to_bytes(2, "big") + credential.id + public_key
        authenticator_data = self._authenticator_data(changed.get("rp_id", rp_id), 0, ATTESTED) + attested
        attestation = {"fmt": "none", "attStmt": {}, "authData": authenticator_data}
        response = {
            "clientDataJSON": self._client_data("webauthn.create", options["challenge"], changed),
            "attestationObject": base64url.encode(cbor2.dumps(attestation)),
            "transports": ["internal", "hybrid"],
        }
        return _as_json(credential.id, response)

    def get(self, options: dict[str, Any], credential: Credential | None = None, **changed: Any) -> str:
        """Answer the options for a login, by default with the newest passkey."""
        credential = credential or self.credentials[-1]
        if self.counts:
            credential.sign_count += 1
        sign_count = changed.get("sign_count", credential.sign_count)
        authenticator_data = self._authenticator_data(changed.get("rp_id", options["rpId"]), sign_count)
        client_data = self._client_data("webauthn.get", options["challenge"], changed)
        signed = authenticator_data + hashlib.sha256(base64url.decode(client_data) or b"").digest()
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": base64url.encode(authenticator_data),
            "signature": base64url.encode(changed.get("signature") or _sign(credential, signed)),
            "userHandle": changed.get("user_handle", credential.user_handle),
        }
        return _as_json(credential.id, response)

    def _authenticator_data(self, rp_id: str, sign_count: int, flags: int = 0) -> bytes:
        flags |= PRESENT
        flags |= VERIFIED if self.verifies_user else 0
        flags |= ELIGIBLE | BACKED_UP if self.is_synchronized else 0
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + sign_count.to_bytes(4, "big")

    def _client_data(self, kind: str, challenge: str, changed: dict[str, Any]) -> str:
        content = {
            "type": changed.get("type", kind),
            "challenge": changed.get("challenge", challenge),
            "origin": changed.get("origin", self.origin),
            "crossOrigin": False,
            **self.client_data,
        }
        return base64url.encode(json.dumps(content).encode())


def _as_json(credential_id: bytes, response: dict[str, Any]) -> str:
    name = base64url.encode(credential_id)
    return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def _new_key(algorithm: int, rsa_bits: int) -> Any:
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == RS256:
        return rsa.generate_private_key(65537, rsa_bits)
    return ec.generate_private_key(ec.SECP256R1())


def _cose_of(key: Any, algorithm: int) -> dict[int, Any]:
    """Return a public key in COSE (:rfc:`9053#section-7`)."""
    public = key.public_key()
    if algorithm == EDDSA:
        return {1: 1, 3: algorithm, -1: 6, -2: public.public_bytes_raw()}
    numbers = public.public_numbers()
    if algorithm == RS256:
        return {1: 3, 3: algorithm, -1: numbers.n.to_bytes(key.key_size // 8, "big"), -2: numbers.e.to_bytes(3, "big")}
    return {1: 2, 3: algorithm, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}


def _sign(credential: Credential, signed: bytes) -> bytes:
    if credential.algorithm == EDDSA:
        signature: bytes = credential.key.sign(signed)
    elif credential.algorithm == RS256:
        signature = credential.key.sign(signed, padding.PKCS1v15(), SHA256())
    else:
        signature = credential.key.sign(signed, ec.ECDSA(SHA256()))
    return signature
