"""Notes: an API of its own, which asks our provider about each token."""

import base64
import functools
import json
import os
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from flask import Flask, g, jsonify, request

PROVIDER = os.environ.get("PROVIDER", "http://127.0.0.1:5000")
CREDENTIALS = f"{os.environ['CLIENT_ID']}:{os.environ['CLIENT_SECRET']}".encode()

app = Flask(__name__)


def introspect(token):
    """Ask the provider about a token. The API is a client of it too."""
    body = urlencode({"token": token}).encode()
    authorization = "Basic " + base64.b64encode(CREDENTIALS).decode()
    question = Request(f"{PROVIDER}/oauth/introspect", body, {"Authorization": authorization})
    with urlopen(question, timeout=5) as answer:
        return json.load(answer)


def refuse(status, error, **parameters):
    """Build the response of RFC 6750, section 3: without a token, the challenge names no error."""
    named = {"error": error, **parameters} if error else parameters
    challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in named.items())
    return jsonify(error=error or "unauthorized"), status, {"WWW-Authenticate": challenge}


def require_scope(scope):
    """Let a view be called only with a token that has this scope and belongs to a user."""

    def decorate(view):
        @functools.wraps(view)
        def protected():
            kind, _space, token = request.headers.get("Authorization", "").partition(" ")
            if kind.lower() != "bearer" or not token:
                return refuse(401, "", scope=scope)
            try:
                g.token = introspect(token)
            except (URLError, ValueError):
                # The token may be valid. After a 401 the client would throw it away.
                return jsonify(error="temporarily_unavailable"), 503, {"Retry-After": "5"}
            if not g.token["active"]:
                return refuse(401, "invalid_token")
            if scope not in g.token["scope"].split() or "sub" not in g.token:
                return refuse(403, "insufficient_scope", scope=scope)
            return view()

        return protected

    return decorate


@app.get("/notes")
@require_scope("profile")
def list_notes():
    return jsonify(of=g.token["username"], notes=["Buy ribbon"])
