"""The walk-through's API: who granted this access token."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6750 import InsufficientScopeError
from flask import Blueprint, current_app, request

from ..oauth2 import authorization, current_token, require_oauth

ADDRESS, SCOPE = "/api/me", "profile"
bp = Blueprint("api", __name__)


@bp.get(ADDRESS)
@require_oauth(SCOPE)
def show_me() -> Any:
    """Return the user's id and username; a client's own token, which belongs to no user, is rejected."""
    user = current_token.user
    if user is None:
        error = InsufficientScopeError("This token belongs to a client, not to a user.")
        refusal = authorization.access_tokens.refuse(request.headers.get("Authorization"), error, SCOPE).answer
        return current_app.response_class(refusal.body, refusal.status, list(refusal.headers))
    return {"id": int(user.id) if user.id.isdecimal() else user.id, "username": user.username}
