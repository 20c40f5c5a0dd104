"""The provider, with our own API in the same application."""

from __future__ import annotations

from website.app import create_app
from website.oauth2 import current_token, require_oauth

NOTES = {"ada": ["Buy ribbon", "Write to Charles"]}

app = create_app({"OAUTH2_SCOPES": {"profile": "See your username, user ID and profile", "notes": "Read your notes"}})


@app.get("/api/notes")
@require_oauth("notes")
def list_notes() -> object:
    user = current_token.user
    if user is None:  # a client's own token has no notes
        return {"error": "access_denied", "error_description": "This token belongs to a client, not to a user."}, 403
    return {"notes": NOTES.get(user.username, [])}
