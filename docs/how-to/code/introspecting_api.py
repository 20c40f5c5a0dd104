"""An API on another machine, which introspects each token at the provider (RFC 7662)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

import requests
from flask import Flask, abort, g, make_response, request

ISSUER = os.environ["ISSUER"]
CREDENTIALS = os.environ["API_CLIENT_ID"], os.environ["API_CLIENT_SECRET"]

app = Flask(__name__)


def refuse(status: int, challenge: str) -> None:
    """Abort the request as RFC 6750, section 3 requires."""
    answer = make_response({"error": challenge.partition('error="')[2].partition('"')[0] or "unauthorized"}, status)
    answer.headers["WWW-Authenticate"] = f"Bearer {challenge}"
    abort(answer)


def require_scope(scope: str) -> Callable[..., Any]:
    """Allow a view to be called only with a valid access token that has this scope."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def protected(*args: Any, **kwargs: Any) -> Any:
            scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not token:
                refuse(401, 'realm="notes"')
            answer = requests.post(f"{ISSUER}/oauth/introspect", data={"token": token}, auth=CREDENTIALS, timeout=5)
            answer.raise_for_status()  # our own credentials are wrong, which isn't the caller's fault
            said = answer.json()
            # A refresh token is active too, but only access tokens have a type.
            if not said["active"] or said.get("token_type") != "Bearer":
                refuse(401, 'realm="notes", error="invalid_token"')
            if scope not in said["scope"].split():
                refuse(403, f'realm="notes", error="insufficient_scope", scope="{scope}"')
            g.token = said
            return view(*args, **kwargs)

        return protected

    return decorate


@app.get("/notes")
@require_scope("notes")
def list_notes() -> object:
    return {"notes": ["Buy ribbon"], "of": g.token.get("sub"), "asked_by": g.token["client_id"]}
