"""A separate API, a resource server, which verifies JWT access tokens itself (RFC 9068), offline."""

from __future__ import annotations

import logging
import os
import time
from threading import Lock
from typing import Annotated, Any

import requests
from authlib.oauth2.rfc8414 import get_well_known_url
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:5000")
#: The audience that tokens must have. In Grantwright's tokens it's the issuer.
AUDIENCE = os.environ.get("AUDIENCE", ISSUER)
ALGORITHMS, TYPES = ["ES256"], ("at+jwt", "application/at+jwt")
KEYS_SECONDS = 300
KEYS_PAUSE_SECONDS = float(os.environ.get("KEYS_PAUSE_SECONDS", "10"))
CLAIMS = jwt.JWTClaimsRegistry(
    # Allow for clock differences.
    leeway=10,
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
    sub={"essential": True},
    client_id={"essential": True},
)


class NoKeysError(Exception):
    """The provider hasn't responded yet, so nothing can be verified."""


class Keys:
    """The provider's public keys: fetched when they're old, and again when a token names an unknown key."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._fetched_at = float("-inf")
        self._lock = Lock()

    def find(self, kid: str) -> Key | None:
        # A request with a known key never waits for one with an unknown key.
        if kid not in self._keys or time.monotonic() - self._fetched_at > KEYS_SECONDS:
            self._refresh(kid)
        if not self._keys:
            raise NoKeysError
        return self._keys.get(kid)

    def _refresh(self, kid: str) -> None:
        # If the key is known, continue while another thread fetches; otherwise wait for it.
        if not self._lock.acquire(blocking=kid not in self._keys):
            return
        try:
            age = time.monotonic() - self._fetched_at
            # Pause between fetches: anyone can make up key names and keep us fetching.
            if age > KEYS_SECONDS or (kid not in self._keys and age > KEYS_PAUSE_SECONDS):
                self._fetched_at = time.monotonic()
                self._fetch()
        finally:
            self._lock.release()

    def _fetch(self) -> None:
        try:
            metadata = get_json(get_well_known_url(ISSUER, external=True))
            # The document must be for the issuer we trust (RFC 8414, section 3.3).
            if metadata["issuer"] != ISSUER:
                raise ValueError("the metadata is for another issuer")
            found = KeySet.import_key_set(get_json(metadata["jwks_uri"]))
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            # Keep using the keys we have.
            logging.getLogger("uvicorn.error").warning("No new keys: %r", error)
        else:
            self._keys = {str(key.kid): key for key in found.keys}


def get_json(address: str) -> Any:
    answer = requests.get(address, timeout=5, allow_redirects=False)
    answer.raise_for_status()
    return answer.json()


KEYS = Keys()
api = FastAPI(title="Photos", openapi_url=None)


def verify(text: str) -> dict[str, Any] | None:
    """Return the claims of a valid access token, or ``None``. Its header has no say in how it's verified."""
    try:
        token = jwt.decode(text, lambda unverified: named_key(unverified.headers()), algorithms=ALGORITHMS)
        # The same keys sign other JWTs; only this type is an access token (RFC 9068, section 4).
        if str(token.header.get("typ")).lower() not in TYPES:
            return None
        CLAIMS.validate(token.claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return token.claims


def named_key(header: dict[str, Any]) -> Key:
    key = KEYS.find(str(header["kid"]))
    if key is None:
        raise ValueError("no such key")
    return key


def refuse(status: int, error: str = "", scope: str = "") -> HTTPException:
    """Refuse a request as in RFC 6750, section 3: without a token, the challenge names no error."""
    challenge = ['realm="photos"']
    challenge += [f'error="{error}"'] if error else []
    challenge += [f'scope="{scope}"'] if scope else []
    return HTTPException(status, error or "unauthorized", {"WWW-Authenticate": "Bearer " + ", ".join(challenge)})


@api.exception_handler(NoKeysError)
def show_outage(_request: Request, _error: NoKeysError) -> JSONResponse:
    # Not 401, since the token may be valid. Not 200 either: without keys, refuse everyone.
    return JSONResponse({"detail": "temporarily_unavailable"}, 503, {"Retry-After": "10"})


class Require:
    """A dependency: the claims of a valid access token with a scope."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    # Not `async`: FastAPI runs it in a thread, where it may wait for the keys.
    def __call__(self, request: Request) -> dict[str, Any]:
        scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise refuse(401, scope=self.scope)
        if not text.strip() or " " in text.strip():
            raise refuse(400, "invalid_request", self.scope)
        claims = verify(text.strip())
        if claims is None:
            raise refuse(401, "invalid_token")
        if self.scope not in str(claims.get("scope", "")).split():
            raise refuse(403, "insufficient_scope", self.scope)
        return claims


@api.get("/photos")
def list_photos(claims: Annotated[dict[str, Any], Depends(Require("photos:read"))]) -> dict[str, Any]:
    return {"owner": claims["sub"], "photos": ["harbour.jpg", "lighthouse.jpg"]}


@api.delete("/photos/{name}")
def delete_photo(name: str, claims: Annotated[dict[str, Any], Depends(Require("photos:write"))]) -> dict[str, Any]:
    return {"owner": claims["sub"], "deleted": name}
