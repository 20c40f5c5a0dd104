"""The options with which a browser creates a passkey or asks for one, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import base64url
from ..models.passkey import Passkey
from .relying_party import RelyingParty

#: How long a challenge may be answered, and how long the browser waits for the person, in seconds.
CHALLENGE_SECONDS = 300
#: The COSE algorithms for new passkeys, best first: EdDSA, ES256 and RS256.
ALGORITHMS = (-8, -7, -257)
REQUIRED, PREFERRED = "required", "preferred"


def creation_options(
    party: RelyingParty, challenge: bytes, user_handle: str, username: str, existing_passkeys: Iterable[Passkey]
) -> dict[str, Any]:
    """Return the options for creating a passkey (Web Authentication, Level 3, section 5.4).

    It has to be discoverable and to verify the person, because it is used without a username and a password. Where it
    comes from isn't asked: an attestation would identify the authenticator.
    """
    return {
        "rp": {"id": party.id, "name": party.name},
        "user": {"id": user_handle, "name": username, "displayName": username},
        "challenge": base64url.encode(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": CHALLENGE_SECONDS * 1000,
        "excludeCredentials": [_describe(passkey) for passkey in existing_passkeys],
        "authenticatorSelection": {
            "residentKey": REQUIRED,
            "requireResidentKey": True,
            "userVerification": REQUIRED,
        },
        "attestation": "none",
    }


def request_options(
    party: RelyingParty, challenge: bytes, allowed_passkeys: Iterable[Passkey] = (), user_verification: str = REQUIRED
) -> dict[str, Any]:
    """Return the options for logging in with a passkey (Web Authentication, Level 3, section 5.5).

    Without ``allowed_passkeys`` the browser offers every passkey that it has for this server, and the options are the
    same for everybody: they tell nobody whether an account exists.
    """
    return {
        "rpId": party.id,
        "challenge": base64url.encode(challenge),
        "timeout": CHALLENGE_SECONDS * 1000,
        "allowCredentials": [_describe(passkey) for passkey in allowed_passkeys],
        "userVerification": user_verification,
    }


def _describe(passkey: Passkey) -> dict[str, Any]:
    return {"type": "public-key", "id": passkey.credential_id, "transports": passkey.transports}
