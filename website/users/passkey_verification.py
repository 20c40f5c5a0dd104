"""The verification of what an authenticator has signed, by py_webauthn, which is imported on first use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .. import base64url
from ..deferred_import import DeferredModule
from .passkey_options import ALGORITHMS
from .relying_party import RelyingParty

if TYPE_CHECKING:
    import webauthn
    from webauthn import helpers
    from webauthn.helpers import cose
else:  # no protocol endpoint needs it, and it takes a tenth of a second
    webauthn = DeferredModule("webauthn")
    helpers = DeferredModule("webauthn.helpers")
    cose = DeferredModule("webauthn.helpers.cose")

#: Longer than any answer with an attestation that nobody asked for.
MAX_RESPONSE_CHARACTERS = 32 * 1024
MAX_TRANSPORTS, MAX_TRANSPORT_CHARACTERS = 8, 32
#: Shorter ids may be guessed, and longer ones have to be refused (Web Authentication, Level 3, section 7.1, step 25).
MIN_ID_BYTES, MAX_ID_BYTES = 16, 1023
#: A shorter key can be factored. Verifying with a longer one, or with an unusual exponent, may take long.
MIN_RSA_BITS, MAX_RSA_BITS, RSA_EXPONENT = 2048, 4096, 65537
MALFORMED, NOT_VERIFIED, USED_CHALLENGE = "malformed", "user_not_verified", "used_challenge"


class PasskeyError(Exception):
    """An answer of an authenticator isn't accepted. ``reason`` is one word for events, with no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential that an authenticator has just created, as its columns."""

    credential_id: str
    public_key: str
    sign_count: int
    transports: tuple[str, ...]
    is_backup_eligible: bool
    is_backed_up: bool
    aaguid: str


@dataclass(frozen=True, slots=True)
class Signed:
    """What an authenticator said with a valid signature."""

    sign_count: int
    is_user_verified: bool
    is_backup_eligible: bool
    is_backed_up: bool


def read_response(text: str) -> dict[str, Any]:
    """Return an answer in JSON, as the page's script writes it. Raises :class:`PasskeyError`."""
    if len(text) > MAX_RESPONSE_CHARACTERS:
        raise PasskeyError(MALFORMED)
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise PasskeyError(MALFORMED) from None
    if not isinstance(answer, dict) or not isinstance(answer.get("response"), dict):
        raise PasskeyError(MALFORMED)
    if not isinstance(answer.get("id"), str) or base64url.decode(answer["id"]) is None:
        raise PasskeyError(MALFORMED)
    return answer


def verify_new_credential(answer: dict[str, Any], challenge: bytes, party: RelyingParty) -> NewCredential:
    """Verify the creation of a credential (Web Authentication, Level 3, section 7.1). Raises :class:`PasskeyError`."""
    _refuse_frames(answer)
    try:
        verified = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=[cose.COSEAlgorithmIdentifier(number) for number in ALGORITHMS],
        )
        public_key = helpers.decoded_public_key_to_cryptography(
            helpers.decode_credential_public_key(verified.credential_public_key)
        )
    except Exception as error:  # its parsers raise errors of many kinds
        raise PasskeyError(_reason_of(error)) from error
    if isinstance(public_key, RSAPublicKey) and not _is_usual(public_key):
        raise PasskeyError("unusual_key")
    if not MIN_ID_BYTES <= len(verified.credential_id) <= MAX_ID_BYTES:
        raise PasskeyError("unusual_id")
    return NewCredential(
        credential_id=base64url.encode(verified.credential_id),
        public_key=base64url.encode(verified.credential_public_key),
        sign_count=verified.sign_count,
        transports=_read_transports(answer["response"].get("transports")),
        is_backup_eligible=verified.credential_device_type == "multi_device",
        is_backed_up=verified.credential_backed_up,
        aaguid=verified.aaguid,
    )


def verify_signature(
    answer: dict[str, Any], challenge: bytes, party: RelyingParty, public_key: str, *, requires_verification: bool
) -> Signed:
    """Verify an answer to a challenge (Web Authentication, Level 3, section 7.2). Raises :class:`PasskeyError`.

    The caller compares the sign count, as it has to do it with the write.
    """
    _refuse_frames(answer)
    try:
        verified = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=base64url.decode(public_key) or b"",
            credential_current_sign_count=0,
            require_user_verification=requires_verification,
        )
    except Exception as error:
        raise PasskeyError(_reason_of(error)) from error
    return Signed(
        sign_count=verified.new_sign_count,
        is_user_verified=verified.user_verified,
        is_backup_eligible=verified.credential_device_type == "multi_device",
        is_backed_up=verified.credential_backed_up,
    )


def _refuse_frames(answer: dict[str, Any]) -> None:
    """Refuse an answer from a frame on another site's page: ours are shown in no frame (section 7.2, step 13)."""
    text = answer["response"].get("clientDataJSON")
    try:
        client_data = json.loads(base64url.decode(text) or b"") if isinstance(text, str) else None
    except (ValueError, RecursionError):
        client_data = None
    if not isinstance(client_data, dict):
        raise PasskeyError(MALFORMED)
    if client_data.get("crossOrigin") or "topOrigin" in client_data:
        raise PasskeyError("cross_origin")


def _is_usual(public_key: RSAPublicKey) -> bool:
    is_usual_size = MIN_RSA_BITS <= public_key.key_size <= MAX_RSA_BITS
    return is_usual_size and public_key.public_numbers().e == RSA_EXPONENT


def _read_transports(names: object) -> tuple[str, ...]:
    """Return the transports in the script's answer, unknown ones included, as section 4 asks."""
    if not isinstance(names, list) or len(names) > MAX_TRANSPORTS:
        return ()
    return tuple(name for name in names if isinstance(name, str) and name.isascii() and 0 < len(name) <= 32)


#: What the messages of py_webauthn are about.
_REASONS = {
    "user was not verified": NOT_VERIFIED,
    "User verification is required": NOT_VERIFIED,
    "Client data challenge": "wrong_challenge",
    "client data origin": "wrong_origin",
    "RP ID hash": "wrong_rp_id",
    "Unsupported credential public key alg": "unsupported_algorithm",
    "Could not verify": "wrong_signature",
}


def _reason_of(error: Exception) -> str:
    return next((reason for words, reason in _REASONS.items() if words in str(error)), MALFORMED)
