"""A Flask API on a different machine from the provider, protected with access tokens."""

from __future__ import annotations

import os

from flask import Flask

from grantwright.resource_server import Protector
from grantwright.resource_server.flask import FlaskProtector, current_token

app = Flask(__name__)
protect = FlaskProtector(
    app,
    Protector(
        issuer=os.environ["ISSUER"],
        resource=os.environ["RESOURCE"],
        credentials=(os.environ["API_CLIENT_ID"], os.environ["API_CLIENT_SECRET"]),
        scopes=["notes.read", "notes.write"],
    ),
)


@app.get("/notes")
@protect("notes.read")
def list_notes() -> object:
    return {"notes": ["Buy ribbon"], "of": current_token.subject, "asked_by": current_token.client_id}
