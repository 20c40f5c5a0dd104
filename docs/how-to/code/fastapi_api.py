"""A FastAPI application that verifies JWT access tokens itself (RFC 9068)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any

import requests
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

ISSUER = os.environ["ISSUER"]
#: An unknown key may be new, but a made-up one mustn't cost us a fetch on every request.
REFRESH_SECONDS = 10
#: A withdrawn key is trusted no longer than this.
KEEP_SECONDS = 600

app = FastAPI()
bearer = HTTPBearer(auto_error=False)
claims_registry = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": ISSUER},
    exp={"essential": True},
    sub={"essential": True},
)


class ProviderKeys:
    """The provider's public keys, fetched once, and again when a token names an unknown key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fetched_at = float("-inf")
        self._keys = KeySet([])

    def current(self) -> KeySet:
        is_old = time.monotonic() - self._fetched_at > KEEP_SECONDS
        return self.refresh() if is_old else self._keys

    def refresh(self) -> KeySet:
        with self._lock:
            if time.monotonic() - self._fetched_at >= REFRESH_SECONDS:
                try:
                    answer = requests.get(f"{ISSUER}/oauth/jwks", timeout=5)
                    answer.raise_for_status()
                    self._keys = KeySet.import_key_set(answer.json())
                except requests.RequestException:
                    if not self._keys.keys:
                        raise
                self._fetched_at = time.monotonic()  # keep using the keys we have
            return self._keys


provider_keys = ProviderKeys()


def verify(text: str) -> dict[str, Any]:
    """Return a token's claims. Raises ``JoseError`` or ``ValueError`` unless the provider signed it for us."""
    try:
        token = jwt.decode(text, provider_keys.current(), algorithms=["ES256"])
    except InvalidKeyIdError:
        token = jwt.decode(text, provider_keys.refresh(), algorithms=["ES256"])
    if token.header.get("typ") != "at+jwt":  # the same keys may sign other things
        raise ValueError("not an access token")
    claims_registry.validate(token.claims)
    return dict(token.claims)


def refuse(status: int, error: str = "", scope: str = "") -> HTTPException:
    """Build the response that RFC 6750, section 3 requires."""
    parts = ['realm="notes"', *([f'error="{error}"'] if error else []), *([f'scope="{scope}"'] if scope else [])]
    return HTTPException(status, error or "unauthorized", {"WWW-Authenticate": "Bearer " + ", ".join(parts)})


def require_scope(scope: str) -> Callable[..., dict[str, Any]]:
    """Create a dependency: the claims of a valid token with this scope."""

    def claims(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> dict[str, Any]:
        if credentials is None:
            raise refuse(401)
        try:
            said = verify(credentials.credentials)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise refuse(401, "invalid_token") from None  # joserfc raises various exceptions for odd header values
        if scope not in said.get("scope", "").split():
            raise refuse(403, "insufficient_scope", scope)
        return said

    return claims


@app.get("/notes")
def list_notes(token: Annotated[dict[str, Any], Depends(require_scope("notes"))]) -> dict[str, Any]:
    return {"notes": ["Buy ribbon"], "of": token["sub"], "asked_by": token["client_id"]}
