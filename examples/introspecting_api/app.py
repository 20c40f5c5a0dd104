"""An API of its own, a resource server: it asks Grantwright about each token that it is shown (RFC 7662)."""

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
#: A token that was revoked is still taken for so long; a token that is used often is asked about once in so long.
CACHE_SECONDS = float(os.environ.get("CACHE_SECONDS", "5"))
MAX_CACHED = 10_000
#: What each user wrote. A real API has a database.
NOTES: dict[str, list[str]] = {}

app = Flask(__name__)
# Answers of the introspection endpoint by the hash of their token, and until when they hold. Only good ones: tokens
# that somebody invents cannot push them out.
cache: OrderedDict[bytes, tuple[float, dict[str, Any]]] = OrderedDict()


class IntrospectionFailedError(Exception):
    """Grantwright did not answer, or did not answer us."""


def introspect(token: str) -> dict[str, Any] | None:
    """Return what a live access token says, or ``None``. Raises :class:`IntrospectionFailedError`."""
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
    # A refresh token may be called active as well. It has no token_type, and is nothing that an API may take.
    if facts.get("active") is not True or facts.get("token_type") != "Bearer":
        return None
    if facts.get("iss") != ISSUER or ISSUER not in facts.get("aud", []):
        return None
    cache[key] = min(time.time() + CACHE_SECONDS, facts.get("exp", 0.0)), facts
    if len(cache) > MAX_CACHED:
        cache.popitem(last=False)
    return facts


def refuse(status: int, error: str = "", scope: str = "") -> Response:
    """Say what is missing, as RFC 6750, section 3 has it: a request without a token hears of no error."""
    challenge = ['realm="notes"']
    challenge += [f'error="{error}"'] if error else []
    challenge += [f'scope="{scope}"'] if scope else []
    answer = jsonify(error=error or "unauthorized")
    answer.status_code = status
    answer.headers["WWW-Authenticate"] = "Bearer " + ", ".join(challenge)
    return answer


def require(scope: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a view be called only with a live access token of this scope; ``g.token`` is what it says."""

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
    # Not 401: the token may be good. Not 200 either: who cannot ask lets nobody in.
    return jsonify(error="temporarily_unavailable"), 503, {"Retry-After": "5"}


def owner() -> str:
    """Return whose notes these are: a user's, or, for a token that stands for no user, the client's own."""
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
        return jsonify(error="Send JSON with a text in it."), 400
    NOTES.setdefault(owner(), []).append(text)
    return jsonify(notes=NOTES[owner()]), 201
