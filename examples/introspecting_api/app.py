"""A separate API, a resource server, which introspects each token at Grantwright (RFC 7662)."""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any

import requests
from flask import Flask, Response, g, jsonify, request

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:5000")
CLIENT = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
#: A revoked token is still accepted for this long; a busy token is introspected once in this time.
CACHE_SECONDS = float(os.environ.get("CACHE_SECONDS", "5"))
MAX_CACHED = 10_000
#: Each user's notes. A real API has a database.
NOTES: dict[str, list[str]] = {}

app = Flask(__name__)
# Introspection responses by the hash of the token, and how long they're valid. Only positive ones, so that made-up
# tokens can't push them out.
cache: OrderedDict[bytes, tuple[float, dict[str, Any]]] = OrderedDict()


class IntrospectionFailedError(Exception):
    """Grantwright didn't respond, or refused our request."""


def introspect(token: str) -> dict[str, Any] | None:
    """Return a valid access token's claims, or ``None``. Raises :class:`IntrospectionFailedError`."""
    key = hashlib.sha256(token.encode()).digest()
    good_until, facts = cache.get(key, (0.0, {}))
    if time.time() < good_until:
        return facts
    try:
        answer = requests.post(
            f"{ISSUER}/oauth/introspect", {"token": token}, auth=CLIENT, timeout=5, allow_redirects=False
        )
        answer.raise_for_status()
        facts = answer.json()
    except requests.RequestException as error:
        raise IntrospectionFailedError from error
    # A refresh token can be active too. It has no token_type, and an API must not accept it.
    if facts.get("active") is not True or facts.get("token_type") != "Bearer":
        return None
    if facts.get("iss") != ISSUER or ISSUER not in facts.get("aud", []):
        return None
    cache[key] = min(time.time() + CACHE_SECONDS, facts.get("exp", 0.0)), facts
    if len(cache) > MAX_CACHED:
        cache.popitem(last=False)
    return facts


def refuse(status: int, error: str = "", scope: str = "") -> Response:
    """Refuse a request as in RFC 6750, section 3: without a token, the challenge names no error."""
    challenge = ['realm="notes"']
    challenge += [f'error="{error}"'] if error else []
    challenge += [f'scope="{scope}"'] if scope else []
    answer = jsonify(error=error or "unauthorized")
    answer.status_code = status
    answer.headers["WWW-Authenticate"] = "Bearer " + ", ".join(challenge)
    return answer


def require(scope: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Allow a view to be called only with a valid access token that has this scope; ``g.token`` is its claims."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def protected(**arguments: Any) -> Any:
            scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                return refuse(401, scope=scope)
            if not token.strip() or " " in token.strip():
                return refuse(400, "invalid_request", scope)
            facts = introspect(token.strip())
            if facts is None:
                return refuse(401, "invalid_token")
            if scope not in facts.get("scope", "").split():
                return refuse(403, "insufficient_scope", scope)
            g.token = facts
            return view(**arguments)

        return protected

    return decorate


@app.errorhandler(IntrospectionFailedError)
def show_outage(error: IntrospectionFailedError) -> tuple[Response, int, dict[str, str]]:
    app.logger.error("Introspection failed: %s", error.__cause__)
    # Not 401, since the token may be valid. Not 200 either: without an answer, refuse everyone.
    return jsonify(error="temporarily_unavailable"), 503, {"Retry-After": "5"}


def owner() -> str:
    """Return the owner of the notes: the user, or the client for a token without a user."""
    return f"user {g.token['sub']}" if "sub" in g.token else f"client {g.token['client_id']}"


@app.get("/notes")
@require("notes:read")
def list_notes() -> Response:
    return jsonify(notes=NOTES.get(owner(), []))


@app.post("/notes")
@require("notes:write")
def add_note() -> tuple[Response, int]:
    body = request.get_json(silent=True)
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text:
        return jsonify(error="Send JSON with a text field."), 400
    NOTES.setdefault(owner(), []).append(text)
    return jsonify(notes=NOTES[owner()]), 201
