"""An API of its own, a resource server: it verifies JWT access tokens by itself (RFC 9068), without asking anybody."""

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
#: Whom the tokens must be meant for. Grantwright writes its own issuer there.
AUDIENCE = os.environ.get("AUDIENCE", ISSUER)
ALGORITHMS, TYPES = ["ES256"], ("at+jwt", "application/at+jwt")
KEYS_SECONDS = 300
KEYS_PAUSE_SECONDS = float(os.environ.get("KEYS_PAUSE_SECONDS", "10"))
CLAIMS = jwt.JWTClaimsRegistry(
    # Two clocks are never quite the same.
    leeway=10,
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
    sub={"essential": True},
    client_id={"essential": True},
)


class NoKeysError(Exception):
    """The provider did not answer yet, so that nothing can be verified."""


class Keys:
    """The provider's public keys: fetched when they are old, and once more when a token names one that is not there."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._fetched_at = float("-inf")
        self._lock = Lock()

    def find(self, kid: str) -> Key | None:
        # Whoever names a key that is there never waits for one who does not.
        if kid not in self._keys or time.monotonic() - self._fetched_at > KEYS_SECONDS:
            self._refresh(kid)
        if not self._keys:
            raise NoKeysError
        return self._keys.get(kid)

    def _refresh(self, kid: str) -> None:
        # With the key that is asked for, go on while somebody else fetches; without it, wait for them.
        if not self._lock.acquire(blocking=kid not in self._keys):
            return
        try:
            age = time.monotonic() - self._fetched_at
            # The pause: anybody can invent names of keys, and would have us fetch all day.
            if age > KEYS_SECONDS or (kid not in self._keys and age > KEYS_PAUSE_SECONDS):
                self._fetched_at = time.monotonic()
                self._fetch()
        finally:
            self._lock.release()

    def _fetch(self) -> None:
        try:
            metadata = get_json(get_well_known_url(ISSUER, external=True))
            # The document must say that it is about the issuer we trust (RFC 8414, section 3.3).
            if metadata["issuer"] != ISSUER:
                raise ValueError("the metadata is another issuer's")
            found = KeySet.import_key_set(get_json(metadata["jwks_uri"]))
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            # With the keys that we have we can go on: that is what they are for.
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
    """Return the claims of a good access token, or ``None``. Nothing in its header chooses how it is judged."""
    try:
        token = jwt.decode(text, lambda unverified: named_key(unverified.headers()), algorithms=ALGORITHMS)
        # Other JWTs are signed with the same keys: only this type is an access token (RFC 9068, section 4).
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
    """Say what is missing, as RFC 6750, section 3 has it: a request without a token hears of no error."""
    challenge = ['realm="photos"']
    challenge += [f'error="{error}"'] if error else []
    challenge += [f'scope="{scope}"'] if scope else []
    return HTTPException(status, error or "unauthorized", {"WWW-Authenticate": "Bearer " + ", ".join(challenge)})


@api.exception_handler(NoKeysError)
def show_outage(_request: Request, _error: NoKeysError) -> JSONResponse:
    # Not 401: the token may be good. Not 200 either: who cannot verify lets nobody in.
    return JSONResponse({"detail": "temporarily_unavailable"}, 503, {"Retry-After": "10"})


class Require:
    """A dependency: the claims of an access token that has a scope."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    # No `async`: FastAPI runs it in a thread, where the keys may be waited for.
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
